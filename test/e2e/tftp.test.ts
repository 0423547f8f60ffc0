// TFTP on loopback with common clients: tftp-hpa, atftp, curl and busybox; the long suite has all of them against both kinds of sockets.
// @host waits

import { testTftpClients } from '../cases/tftp-clients.ts';

testTftpClients('short');
