// `CpioPathReader` in one call.

import { CpioPathReader } from '../../src/images/build/cpio.ts';
import type { Decoded } from '../../src/net/byte-reader.ts';

/** The paths in an archive, up to its trailer, without a leading `./` or `/`. */
export function decodeCpioPaths(archive: Uint8Array): Decoded<ReadonlySet<string>> {
  const reader = new CpioPathReader();
  reader.write(archive);
  return reader.finish();
}
