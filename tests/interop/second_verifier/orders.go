package main

// What follows from the entry before: time, versions, commands, slots. format.md sections 3, 5.5, 6 and "Who is blamed".

type streamOrder struct {
	last, should int64 // the version that stands there, and the one that should
	lost         int64 // entries lost until then
}

type orders struct {
	book      *book
	lost      int64 // entries that were altered, are missing, or have a header that cannot be read
	versions  map[string]*streamOrder
	commands  map[string]bool // ids or marks that have begun
	slots     map[string]bool
	times     []*row // with a time
	command   object
	at        string
	mark      string
	unsure    int64 // events lost just before
	following *row
}

func (o *orders) gap() {
	o.lost++
	o.unsure++
}

// time is "Who is blamed for time".
func (o *orders) time(one *row) {
	at := one.entry.text("at")
	if !isTime(at) {
		o.book.find("time", one.seq, "no time")
		return
	}
	defer func() { o.times = append(o.times, one) }()
	if len(o.times) == 0 || at >= o.times[len(o.times)-1].entry.text("at") {
		return
	}
	late := len(o.times) - 1
	before := o.times[late].entry.text("at")
	for late > 0 && o.times[late-1].entry.text("at") == before {
		late--
	}
	if late == 0 || at < o.times[late-1].entry.text("at") {
		o.book.find("time", one.seq, "earlier than the entry before it")
		return
	}
	for _, blamed := range o.times[late:] {
		o.book.find("time", blamed.seq, "later than the entry after it")
	}
}

// event is about the event that an entry or its header tells.
func (o *orders) event(one *row) {
	told := one.entry
	if o.book.sealed {
		if slot := one.entry.text("slot"); o.slots[slot] {
			o.book.find("header", one.seq, "the slot comes again")
		} else {
			o.slots[slot] = true
		}
		o.marks(one)
		if told = one.header; told == nil {
			o.lost++
			o.unsure++
			o.command = nil
			return
		}
	}
	o.version(one, told)
	o.place(one, told["command"].(object))
	o.unsure = 0
}

func (o *orders) version(one *row, told object) {
	stream, version := told.text("stream"), told["version"].(int64)
	before, ok := o.versions[stream]
	if !ok {
		before = &streamOrder{}
	}
	slack := o.lost - before.lost
	good := version > before.last && version <= before.last+1+slack || version > before.should && version <= before.should+1+slack
	if !ok && one.raws() && version == 0 {
		good = true
	}
	if !good {
		o.book.find("version", one.seq, "version %d does not follow", version)
	}
	should := version
	if !good {
		should = before.should + 1
	}
	o.versions[stream] = &streamOrder{last: version, should: should, lost: o.lost}
}

// marks: those of a command stand together (section 3.2).
func (o *orders) marks(one *row) {
	mark := one.entry.text("command")
	previous := o.book.rows[one.seq-1]
	together := previous != nil && !o.book.lost[one.seq-1] && mark == o.mark
	if !together && o.commands["mark "+mark] && o.mark != mark {
		o.book.find("command", one.seq, "the mark comes again")
	} else if together && one.header == nil && previous.entry.text("at") != one.entry.text("at") {
		o.book.find("command", one.seq, "of one command, but of another time")
	}
	o.commands["mark "+mark], o.mark = true, mark
}

// place is `n` and `of` (section 3.1).
func (o *orders) place(one *row, command object) {
	n, of, id := command["n"].(int64), command["of"].(int64), command.text("id")
	at, before := one.entry.text("at"), o.command
	complete := before == nil || before["n"].(int64)+1 >= before["of"].(int64)
	good := n < of
	switch {
	case n == 0:
		good = good && (complete || o.unsure > 0) && !(id != "" && o.commands["id "+id])
	case o.unsure > 0:
		good = good && n <= o.unsure+remaining(before, id)
	default:
		good = good && before != nil && before["n"].(int64)+1 == n && before["of"] == command["of"] && before.text("id") == id &&
			before.text("digest") == command.text("digest") && o.at == at &&
			(!o.book.sealed || o.following.entry.text("command") == one.entry.text("command"))
	}
	if !good {
		o.book.find("command", one.seq, "its place in its command does not follow")
	}
	o.commands["id "+id] = true
	o.command, o.at, o.following = command, at, one
	if !good { // what comes next is compared with nothing
		o.command = nil
	}
}

func remaining(before object, id string) int64 {
	if before != nil && before.text("id") == id {
		return before["n"].(int64) + 1
	}
	return 0
}

// end: the last command of a book is complete.
func (o *orders) end() {
	if o.command != nil && o.unsure == 0 && o.command["n"].(int64)+1 < o.command["of"].(int64) {
		o.book.find("command", o.following.seq, "the last command is not complete")
	}
}
