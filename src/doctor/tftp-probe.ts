// Loads a file from the running TFTP server with the `tftp2` package: 512 bytes a block. It knows neither options nor a time limit
// and does not see an error packet, so we hold the watch: a server that is well sends the next block at once.

import connect from 'tftp2';
import { systemClock } from '../clock.ts';
import { within } from './finding.ts';

const LOAD_MS_MAX = 60_000;
/** How long the next block may take. */
const BLOCK_MS_MAX = 5000;
/** Beyond it the package's block numbers would wrap. */
export const PROBE_FILE_BYTES_MAX = 30 * 1024 * 1024;

/** The whole file. Rejects when no block comes for BLOCK_MS_MAX, or it is not whole within LOAD_MS_MAX. */
export async function probeTftp(host: string, port: number, file: string): Promise<Buffer> {
  const what = `${file} by TFTP from ${host}:${port}`;
  const client = connect(host, port);
  const blocks: Buffer[] = [];
  let bytes = 0;
  const silence = Promise.withResolvers<never>();
  const watch = () =>
    systemClock.schedule(BLOCK_MS_MAX, () =>
      silence.reject(new Error(`${what}: nothing came for ${BLOCK_MS_MAX / 1000} s after ${bytes} bytes`)),
    );
  let late = watch();
  try {
    const reading = client.read(
      file,
      (data) => {
        late.cancel();
        late = watch();
        bytes += data.length;
        if (bytes > PROBE_FILE_BYTES_MAX) throw new Error(`${file} is larger than ${PROBE_FILE_BYTES_MAX} bytes`);
        blocks.push(data);
      },
      () => undefined,
    );
    await within(LOAD_MS_MAX, what, Promise.race([reading, silence.promise]));
    return Buffer.concat(blocks);
  } finally {
    late.cancel();
    client.close();
  }
}
