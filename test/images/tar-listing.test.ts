// The extensions of headers in an archive have a bound together, so that a small file does not cost minutes.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TarFault, TarReader } from '../../src/images/image-tar.ts';
import { TarListing } from '../../src/images/tar-listing.ts';

const MIB = 1024 * 1024;
const TOO_LARGE = /the names, times and attributes in the headers of the archive are too large/;

/** A header with its content, which is padded. */
function member(type: string, content: Uint8Array): Buffer {
  const block = Buffer.alloc(512);
  block.write('name', 0);
  block.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  block.write(type, 156);
  block.write('ustar\x0000', 257);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([block, content, Buffer.alloc(-content.length & 511)]);
}

const records = (bytes: number): Buffer => Buffer.from('8 a=bcd\n'.repeat(bytes / 8));

/** Writes an archive to a reader. @returns how many headers it read before it refused the archive; undefined: it did not */
async function refusedAt(
  reader: { write(bytes: Uint8Array): void | Promise<void> },
  headers: Iterable<Buffer>,
): Promise<number | undefined> {
  let count = 0;
  for (const header of headers) {
    try {
      await reader.write(header);
    } catch (error) {
      assert.ok(error instanceof TarFault);
      assert.match(error.message, TOO_LARGE);
      return count;
    }
    count += 1;
  }
  return undefined;
}

const newListing = (): TarListing => new TarListing(() => undefined);
const newReader = (): TarReader =>
  new TarReader({ begin: () => undefined, take: async () => undefined, end: async () => undefined });

describe('the extensions of headers', () => {
  for (const type of ['x', 'g', 'L', 'K']) {
    test(`of type ${type} have at most 16 MiB before the first member`, async () => {
      const header = member(type, type === 'x' || type === 'g' ? records(MIB) : Buffer.alloc(MIB, 'n'));
      for (const make of [newListing, newReader]) {
        assert.equal(await refusedAt(make(), Array(20).fill(header)), 16, make.name);
      }
    });
  }

  test('may be as many as an archive with times and labels of each file has', async () => {
    const [extension, file] = [member('x', records(256)), member('0', Buffer.alloc(0))];
    const real = function* (): Generator<Buffer> {
      for (let at = 0; at < 80_000; at += 1) yield Buffer.concat([extension, file]);
    };
    assert.equal(await refusedAt(newListing(), real()), undefined, '20 MiB');
    const [large, members] = [member('x', records(1024)), 22_000];
    const tooLarge = function* (): Generator<Buffer> {
      for (let at = 0; at < members; at += 1) yield Buffer.concat([large, file]);
    };
    const at = await refusedAt(newListing(), tooLarge());
    assert.ok(at !== undefined && at < members, `${at}`);
  });
});
