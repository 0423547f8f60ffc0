// TFTP and HTTP of a rack that runs whole, over a cable, with every client.
// @host alone

import { testFileClients } from '../cases/file-clients.ts';

testFileClients('all');
