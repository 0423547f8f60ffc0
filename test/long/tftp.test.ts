// TFTP on loopback with common clients, each with every option against both kinds of sockets.
// @host alone

import { testTftpClients } from '../cases/tftp-clients.ts';

testTftpClients('all');
