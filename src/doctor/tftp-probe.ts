// Loads a file from the running TFTP server with the `tftp2` package, which knows neither options nor a time limit: 512 bytes a
// block, and we hold the watch.

import connect from 'tftp2';
import { within } from './finding.ts';

const LOAD_MS_MAX = 60_000;
/** Beyond it the package's block numbers would wrap. */
export const PROBE_FILE_BYTES_MAX = 30 * 1024 * 1024;

/** The whole file. Rejects when it does not arrive within LOAD_MS_MAX. */
export async function probeTftp(host: string, port: number, file: string): Promise<Buffer> {
  const client = connect(host, port);
  const blocks: Buffer[] = [];
  let bytes = 0;
  try {
    const reading = client.read(
      file,
      (data) => {
        bytes += data.length;
        if (bytes > PROBE_FILE_BYTES_MAX) throw new Error(`${file} is larger than ${PROBE_FILE_BYTES_MAX} bytes`);
        blocks.push(data);
      },
      () => undefined,
    );
    await within(LOAD_MS_MAX, `${file} by TFTP from ${host}:${port}`, reading);
    return Buffer.concat(blocks);
  } finally {
    client.close();
  }
}
