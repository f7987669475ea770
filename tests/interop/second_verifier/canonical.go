package main

// Canonical JSON: format.md section 2. Bytes are read strictly; nothing is written anew.

import (
	"errors"
	"unicode/utf8"
)

type object map[string]interface{}

const (
	deepest   = 32        // levels of objects and arrays
	largest   = 1<<53 - 1 // size of an integer
	hexDigits = "0123456789abcdef"
)

var errCanonical = errors.New("not canonical JSON")

type reader struct {
	data []byte
	at   int
}

// canonicalObject reads one object and nothing after it.
func canonicalObject(data []byte) (object, error) {
	if !utf8.Valid(data) { // lone surrogates have no valid UTF-8 either
		return nil, errCanonical
	}
	r := &reader{data: data}
	value, err := r.value(0)
	if err != nil {
		return nil, err
	}
	result, ok := value.(object)
	if !ok || r.at != len(data) {
		return nil, errCanonical
	}
	return result, nil
}

func (r *reader) peek() byte {
	if r.at < len(r.data) {
		return r.data[r.at]
	}
	return 0
}

func (r *reader) take(word string) bool {
	if r.at+len(word) <= len(r.data) && string(r.data[r.at:r.at+len(word)]) == word {
		r.at += len(word)
		return true
	}
	return false
}

func (r *reader) value(depth int) (interface{}, error) {
	switch c := r.peek(); {
	case c == '{':
		return r.members(depth + 1)
	case c == '[':
		return r.elements(depth + 1)
	case c == '"':
		return r.text()
	case r.take("true"):
		return true, nil
	case r.take("false"):
		return false, nil
	case r.take("null"):
		return nil, nil
	default:
		return r.integer()
	}
}

func (r *reader) members(depth int) (interface{}, error) {
	result := object{}
	r.at++
	if depth > deepest {
		return nil, errCanonical
	}
	if r.take("}") {
		return result, nil
	}
	for last, first := "", true; ; first = false {
		key, err := r.text()
		if err != nil {
			return nil, err
		}
		for i := 0; i < len(key); i++ {
			if key[i] >= utf8.RuneSelf {
				return nil, errCanonical
			}
		}
		if !first && key <= last || !r.take(":") { // sorted, so no key comes twice
			return nil, errCanonical
		}
		if result[key], err = r.value(depth); err != nil {
			return nil, err
		}
		if r.take("}") {
			return result, nil
		}
		if !r.take(",") {
			return nil, errCanonical
		}
		last = key
	}
}

func (r *reader) elements(depth int) (interface{}, error) {
	result := []interface{}{}
	r.at++
	if depth > deepest {
		return nil, errCanonical
	}
	if r.take("]") {
		return result, nil
	}
	for {
		value, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		result = append(result, value)
		if r.take("]") {
			return result, nil
		}
		if !r.take(",") {
			return nil, errCanonical
		}
	}
}

func (r *reader) text() (string, error) {
	if !r.take(`"`) {
		return "", errCanonical
	}
	var result []byte
	for r.at < len(r.data) {
		c := r.data[r.at]
		r.at++
		switch {
		case c == '"':
			return string(result), nil
		case c < 0x20:
			return "", errCanonical
		case c != '\\':
			result = append(result, c)
			continue
		}
		escape := r.peek()
		r.at++
		switch escape {
		case '"', '\\':
			result = append(result, escape)
		case 'b':
			result = append(result, '\b')
		case 't':
			result = append(result, '\t')
		case 'n':
			result = append(result, '\n')
		case 'f':
			result = append(result, '\f')
		case 'r':
			result = append(result, '\r')
		case 'u': // only for the others below U+0020, in lower case
			if r.at+4 > len(r.data) || r.data[r.at] != '0' || r.data[r.at+1] != '0' {
				return "", errCanonical
			}
			high, low := index(r.data[r.at+2]), index(r.data[r.at+3])
			code := high*16 + low
			if high < 0 || low < 0 || code >= 0x20 || code >= 8 && code <= 13 && code != 11 {
				return "", errCanonical
			}
			r.at += 4
			result = append(result, byte(code))
		default:
			return "", errCanonical
		}
	}
	return "", errCanonical
}

func index(digit byte) int {
	for i := 0; i < len(hexDigits); i++ {
		if hexDigits[i] == digit {
			return i
		}
	}
	return -1
}

func (r *reader) integer() (interface{}, error) {
	negative := r.take("-")
	start, number := r.at, int64(0)
	for r.at < len(r.data) && r.data[r.at] >= '0' && r.data[r.at] <= '9' {
		number = number*10 + int64(r.data[r.at]-'0')
		r.at++
		if number > largest {
			return nil, errCanonical
		}
	}
	digits := r.at - start
	if digits == 0 || digits > 1 && r.data[start] == '0' || negative && number == 0 {
		return nil, errCanonical
	}
	if negative {
		number = -number
	}
	return number, nil
}

// Members of an object by their kind; the second result says whether it is there and of this kind.

func (o object) exactly(names ...string) bool {
	for _, name := range names {
		if _, ok := o[name]; !ok {
			return false
		}
	}
	return len(o) == len(names)
}

func (o object) text(name string) string {
	value, _ := o[name].(string)
	return value
}

func (o object) texts(names ...string) bool {
	for _, name := range names {
		if _, ok := o[name].(string); !ok {
			return false
		}
	}
	return true
}

// count is an integer that is not negative.
func (o object) count(name string) (int64, bool) {
	value, ok := o[name].(int64)
	return value, ok && value >= 0
}

func isHex(text string, digits int) bool {
	for i := 0; i < len(text); i++ {
		if index(text[i]) < 0 {
			return false
		}
	}
	return len(text) == digits
}
