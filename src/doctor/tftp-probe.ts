// Loads a file from the running TFTP server with the codec and the socket of the `tftp2` package:
// 512 bytes a block. The package's own loop hangs forever after an ERROR, so the loop is here.
//
// Source: RFC 1350 §4 (each block is acknowledged, a short one is the last), §5 (ERROR ends the transfer).

import Connection from 'tftp2/connection.js';
import tftpPacket, { type Packet } from 'tftp2/packet.js';
import { cleanText } from '../ground/clean-text.ts';
import { systemClock, withTimeout } from '../ground/clock.ts';
import { counted } from '../ground/counted.ts';
import { answerWithin } from './finding.ts';
import { probeSource } from './probe-source.ts';

const { RRQ, DATA, ERROR } = tftpPacket.OPCODE;
const BLOCK_BYTES = 512;
const LOAD_MS_MAX = 60_000;
/** How long the next block may take. */
const BLOCK_MS_MAX = 5000;
/** The largest file that is loaded. In a larger file, the package's block numbers would wrap. */
export const PROBE_FILE_BYTES_MAX = 30 * 1024 * 1024;
/** The longest text of an error that is shown. */
const ERROR_CHARACTERS_MAX = 200;

/**
 * Loads the whole file. Rejects if the server answers with an error, if no block comes for
 * BLOCK_MS_MAX, or after LOAD_MS_MAX.
 */
export async function probeTftp(host: string, port: number, file: string): Promise<Buffer> {
  const what = `${file} by TFTP from ${host}:${port}`;
  const client = new Connection({ address: host, port });
  try {
    return await answerWithin(LOAD_MS_MAX, what, load(client, host, file, what));
  } finally {
    client.close();
  }
}

async function load(client: Connection, host: string, file: string, what: string): Promise<Buffer> {
  const blocks: Buffer[] = [];
  let bytes = 0;
  const source = probeSource(host);
  if (source !== undefined) await bindSource(client, source);
  await client.sendRequest(RRQ, file);
  for (;;) {
    const expectedBlock = blocks.length + 1;
    const { rinfo, data } = await nextPacket(
      client,
      expectedBlock,
      `${what}: no data for ${BLOCK_MS_MAX / 1000} s after ${counted(bytes, 'byte')}`,
      what,
    );
    const block = data ?? Buffer.alloc(0);
    bytes += block.length;
    if (bytes > PROBE_FILE_BYTES_MAX) throw new Error(`${file} is larger than ${PROBE_FILE_BYTES_MAX} bytes`);
    blocks.push(Buffer.from(block));
    client.setRemoteDescription(rinfo);
    await client.sendAck(expectedBlock);
    if (block.length < BLOCK_BYTES) return Buffer.concat(blocks);
  }
}

/** Binds the client to a source address. Rejects if the address cannot be used. */
const bindSource = (client: Connection, address: string): Promise<void> =>
  new Promise((resolve, reject) => {
    client.once('error', reject);
    client.bind({ address }, () => {
      client.removeListener('error', reject);
      resolve();
    });
  });

/** Waits for the block with this number. Rejects with the text of an ERROR, or with `silence`. */
async function nextPacket(client: Connection, block: number, silence: string, what: string): Promise<Packet> {
  const arrival = client.wait(
    (packet) => packet.opcode === ERROR || (packet.opcode === DATA && packet.block === block),
  );
  const packet = await withTimeout(systemClock, BLOCK_MS_MAX, arrival, (): never => {
    throw new Error(silence);
  });
  if (packet.opcode !== ERROR) return packet;
  const errorMessage = cleanText(packet.message ?? '', ERROR_CHARACTERS_MAX);
  throw new Error(
    `${what}: the server answered with error ${packet.code ?? 0}${errorMessage === '' ? '' : ` (${errorMessage})`}`,
  );
}
