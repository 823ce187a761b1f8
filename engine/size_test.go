package engine

import (
	"testing"
	"unsafe"
)

// Above 512 bytes the allocator gives an object 576.
func TestConnFitsItsSizeClass(t *testing.T) {
	if size := unsafe.Sizeof(Conn{}); size > 512 {
		t.Errorf("a Conn has %d bytes", size)
	}
}
