package main

// The zip, byte for byte: bundle.md section 2.1. It is made anew from names and contents, and compared.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

type member struct {
	name    string
	content []byte
	crc     uint32 // as stated
}

const (
	mostFiles = 100000 // bundle.md section 5
	short     = 0xFFFFFFFF
)

var little = binary.LittleEndian

func refuse(format string, values ...interface{}) error { return fmt.Errorf(format, values...) }

func (m member) damaged() bool { return crc32.ChecksumIEEE(m.content) != m.crc }

// fields writes numbers of 2, 4 and 8 bytes, as their types say.
func fields(to *bytes.Buffer, values ...interface{}) {
	for _, value := range values {
		binary.Write(to, little, value)
	}
}

func fitting(number uint64) uint32 {
	if number >= short {
		return short
	}
	return uint32(number)
}

func localHeader(m member) []byte {
	size, needed, extra := uint64(len(m.content)), uint16(10), uint16(0)
	if size >= short {
		needed, extra = 45, 20
	}
	out := &bytes.Buffer{}
	fields(out, uint32(0x04034b50), needed, uint16(0), uint16(0), uint16(0), uint16(0x0021), m.crc,
		fitting(size), fitting(size), uint16(len(m.name)), extra)
	out.WriteString(m.name)
	if extra > 0 {
		fields(out, uint16(1), uint16(16), size, size)
	}
	return out.Bytes()
}

func directoryHeader(m member, offset uint64) []byte {
	size, needed, extra := uint64(len(m.content)), uint16(10), &bytes.Buffer{}
	if size >= short {
		fields(extra, size, size)
	}
	if offset >= short {
		fields(extra, offset)
	}
	if extra.Len() > 0 {
		needed = 45
		behind := extra.Bytes()
		extra = &bytes.Buffer{}
		fields(extra, uint16(1), uint16(len(behind)))
		extra.Write(behind)
	}
	out := &bytes.Buffer{}
	fields(out, uint32(0x02014b50), 0x0300+needed, needed, uint16(0), uint16(0), uint16(0), uint16(0x0021), m.crc,
		fitting(size), fitting(size), uint16(len(m.name)), uint16(extra.Len()), uint16(0), uint16(0), uint16(0),
		uint32(0o100644)<<16, fitting(offset))
	out.WriteString(m.name)
	out.Write(extra.Bytes())
	return out.Bytes()
}

func directoryEnd(files, begin, size uint64) []byte {
	out := &bytes.Buffer{}
	if files >= 0xFFFF || begin >= short || size >= short {
		fields(out, uint32(0x06064b50), uint64(44), uint16(0x032d), uint16(45), uint32(0), uint32(0), files, files, size, begin)
		fields(out, uint32(0x07064b50), uint32(0), begin+size, uint32(1))
	}
	count := uint16(0xFFFF)
	if files < 0xFFFF {
		count = uint16(files)
	}
	fields(out, uint32(0x06054b50), uint16(0), uint16(0), count, count, fitting(size), fitting(begin), uint16(0))
	return out.Bytes()
}

// readZip takes the members one after another, and compares all bytes that are no content with those that must stand there.
func readZip(data []byte) ([]member, error) {
	var members []member
	directory, at := &bytes.Buffer{}, uint64(0)
	all := uint64(len(data))
	for at+4 <= all && string(data[at:at+4]) == "PK\x03\x04" {
		if at+30 > all {
			return nil, refuse("zip: a header that ends too early")
		}
		header := data[at:]
		named := uint64(little.Uint16(header[26:]))
		begin := at + 30 + named + uint64(little.Uint16(header[28:]))
		if begin > all {
			return nil, refuse("zip: a name that ends too early")
		}
		size := uint64(little.Uint32(header[22:]))
		if size == short {
			if begin-(at+30+named) != 20 {
				return nil, refuse("zip: no extra field of 20 bytes")
			}
			size = little.Uint64(data[begin-16:])
		}
		if size > all-begin {
			return nil, refuse("zip: a file that ends too early")
		}
		one := member{string(data[at+30 : at+30+named]), data[begin : begin+size], little.Uint32(header[14:])}
		if !bytes.Equal(localHeader(one), data[at:begin]) {
			return nil, refuse("zip: %q: the local header is another", one.name)
		}
		directory.Write(directoryHeader(one, at))
		if members = append(members, one); len(members) > mostFiles {
			return nil, refuse("zip: more than %d files", mostFiles)
		}
		at = begin + size
	}
	tail := append(append([]byte{}, directory.Bytes()...), directoryEnd(uint64(len(members)), at, uint64(directory.Len()))...)
	if len(members) == 0 || !bytes.Equal(tail, data[at:]) {
		return nil, refuse("zip: the directory is another")
	}
	return members, nil
}
