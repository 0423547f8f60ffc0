// TFTP and HTTP of a rack that runs whole, over a cable, with the first clients; the long suite has all of them.
// @host waits

import { testFileClients } from '../cases/file-clients.ts';

testFileClients('short');
