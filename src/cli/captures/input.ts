// Reads captured datagrams from a file or standard input, within bounds.

import { createReadStream, readFileSync, statSync } from 'node:fs';
import { CAPTURE_BYTES_MAX } from '../../capture/capture-file.ts';
import { type CaptureInput, readInput } from '../../capture/read-input.ts';
import { RackError } from '../../errors.ts';
import { fileFault } from '../../files/read-fault.ts';

export type KnownInput = Exclude<CaptureInput, { readonly kind: 'unknown' }>;

/** Reads a capture. @throws RackError as `fileFault`, `bad-argument` if it is too large or not a capture */
export async function loadCapture(file: string): Promise<KnownInput> {
  const input = readInput(isStandardInput(file) ? await readStream(process.stdin, file) : await readFile(file));
  if (input.kind === 'unknown')
    throw new RackError('bad-argument', `${nameOf(file)} is not a capture: ${input.reason}`);
  return input;
}

/** The file's name for people. */
export const nameOf = (file: string): string => (isStandardInput(file) ? 'standard input' : file);

const isStandardInput = (file: string): boolean => file === '/dev/stdin';

async function readFile(file: string): Promise<Uint8Array> {
  try {
    const status = statSync(file);
    if (status.size > CAPTURE_BYTES_MAX) throw tooLarge(file);
    // A pipe or a device has no size: it is read like standard input, up to the bound.
    return status.isFile() ? readFileSync(file) : await readStream(createReadStream(file), file);
  } catch (error) {
    if (error instanceof RackError) throw error;
    throw fileFault(file, error);
  }
}

async function readStream(stream: AsyncIterable<Uint8Array>, file: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > CAPTURE_BYTES_MAX) throw tooLarge(file);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLarge = (file: string): RackError =>
  new RackError(
    'bad-argument',
    `${nameOf(file)} is larger than ${CAPTURE_BYTES_MAX} bytes; extract a part: tcpdump -r FILE -c 10000 -w PART`,
  );
