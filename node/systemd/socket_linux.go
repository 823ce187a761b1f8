package systemd

import (
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// firstSocket is the first descriptor that systemd passes to a process (sd_listen_fds).
const firstSocket = 3

// Socket returns the socket that systemd has opened for this process (socket activation), and nil when there is none. Only the
// first call returns it.
func Socket() (net.Listener, error) {
	count, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || count < 1 || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name) // programs that this one starts have no such socket
	}
	unix.CloseOnExec(firstSocket)
	file := os.NewFile(firstSocket, "the socket of systemd")
	defer file.Close() //nolint:errcheck // the listener has a descriptor of its own
	return net.FileListener(file)
}
