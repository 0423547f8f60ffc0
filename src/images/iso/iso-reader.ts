// Finds files on the image of an optical disc (ISO 9660), and reads them.
//
//   primary volume descriptor, sector 16 ─▶ root directory ─▶ directory … ─▶ file: an extent of the image
//
// Sources: ECMA-119 (ISO 9660) §8.4 (primary volume descriptor), §9.1 (directory record); SUSP 1.12 §4, §5.3 and Rock Ridge 1.12 §4.1.4 (names).
//
// 1. A record whose extent is not inside the image is refused. A directory has at most DIRECTORY_BYTES_MAX, and a path leads through few
//    directories, so a search ends.
// 2. A record is found by its Rock Ridge name if it has one, else by its ISO 9660 name without the version (`;1`). Case is ignored.
// 3. A file in several extents is refused; a file above 4 GiB may have them.

import { copyBytes, viewBytes } from '../../net/borrowed-bytes.ts';
import { releaseMemory } from '../conversion.ts';
import type { ImageBytes } from '../qcow2/reading.ts';

/** A disc that cannot be read. */
export class IsoFault extends Error {}

/** A file on the disc: an extent of the image, in bytes. */
export interface IsoFile {
  readonly at: number;
  readonly bytes: number;
}

const SECTOR = 2048;
const DESCRIPTOR_AT = 16 * SECTOR;
/** Ample for a directory with some ten thousand files. */
const DIRECTORY_BYTES_MAX = 4 * 1024 * 1024;
const RECORD_BYTES_MIN = 34;
const IS_DIRECTORY = 2;
const CONTINUES = 0x80;
const AT = { extent: 2, bytes: 10, flags: 25, nameLength: 32, name: 33 };
const VOLUME = { id: 1, blockBytes: 128, root: 156 };

interface IsoRecord extends IsoFile {
  readonly name: string;
  readonly flags: number;
}

/** A disc. */
export class IsoDisc {
  readonly #image: ImageBytes;
  readonly #root: IsoFile;

  private constructor(image: ImageBytes, root: IsoFile) {
    this.#image = image;
    this.#root = root;
  }

  /** Opens the image of a disc. Rejects with IsoFault for any other file. */
  static async open(image: ImageBytes): Promise<IsoDisc> {
    const descriptor = await readExactly(image, { at: DESCRIPTOR_AT, bytes: SECTOR });
    const text = Buffer.from(descriptor).toString('latin1');
    if (descriptor[0] !== 1 || !text.startsWith('CD001', VOLUME.id))
      throw new IsoFault('it has no ISO 9660 file system');
    if (numberAt(descriptor, VOLUME.blockBytes, 2) !== SECTOR) throw new IsoFault('its block size is not 2048 bytes');
    const root = readRecord(viewBytes(descriptor, VOLUME.root, VOLUME.root + RECORD_BYTES_MIN), image.bytes);
    if (root === undefined || (root.flags & IS_DIRECTORY) === 0) throw new IsoFault('it has no root directory');
    return new IsoDisc(image, root);
  }

  /** The file at a path, such as `casper/vmlinuz`; undefined: there is none. Rejects with IsoFault if a directory is damaged. */
  async find(path: string): Promise<IsoFile | undefined> {
    const parts = path.split('/');
    let place: IsoFile = this.#root;
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1;
      const records = await this.#list(place);
      const found = records.find(
        ({ name, flags }) => name === part.toLowerCase() && ((flags & IS_DIRECTORY) === 0) === isLast,
      );
      if (found === undefined) return undefined;
      if ((found.flags & CONTINUES) !== 0)
        throw new IsoFault(`${path} has several extents, which Rackboot cannot read`);
      place = { at: found.at, bytes: found.bytes };
    }
    return place;
  }

  /** The content of a file, in pieces of at most `pieceBytes`. A piece is valid until the next one is requested. */
  async *read(file: IsoFile, pieceBytes: number): AsyncGenerator<Uint8Array> {
    for (let done = 0; done < file.bytes; done += pieceBytes) {
      const bytes = Math.min(pieceBytes, file.bytes - done);
      const piece = await readExactly(this.#image, { at: file.at + done, bytes });
      yield piece;
      releaseMemory(piece);
    }
  }

  async #list(directory: IsoFile): Promise<readonly IsoRecord[]> {
    if (directory.bytes > DIRECTORY_BYTES_MAX) throw new IsoFault('one of its directories is too large');
    const content = await readExactly(this.#image, directory);
    const records: IsoRecord[] = [];
    for (let at = 0; at < content.length; ) {
      const length = content[at] ?? 0;
      // No record crosses the end of a sector. A zero means that the rest of the sector is empty.
      if (length === 0) {
        at = (Math.floor(at / SECTOR) + 1) * SECTOR;
        continue;
      }
      const record = readRecord(viewBytes(content, at, at + length), this.#image.bytes);
      if (record === undefined) throw new IsoFault('one of its directories is damaged: copy the file again');
      records.push(record);
      at += length;
    }
    return records;
  }
}

/** Decodes a directory record; undefined: it is damaged, or its extent is not inside the image. */
function readRecord(record: Uint8Array, imageBytes: number): IsoRecord | undefined {
  if (record.length < RECORD_BYTES_MIN) return undefined;
  const at = numberAt(record, AT.extent, 4) * SECTOR;
  const bytes = numberAt(record, AT.bytes, 4);
  const nameLength = record[AT.nameLength] ?? 0;
  if (AT.name + nameLength > record.length || at + bytes > imageBytes) return undefined;
  const own = Buffer.from(copyBytes(record, AT.name, AT.name + nameLength)).toString('latin1');
  // The record is padded to an even offset after the name; the system use fields follow.
  const fields = viewBytes(record, AT.name + nameLength + (nameLength % 2 === 0 ? 1 : 0));
  const name = (rockRidgeName(fields) ?? own.replace(/;\d+$/, '').replace(/\.$/, '')).toLowerCase();
  return { at, bytes, name, flags: record[AT.flags] ?? 0 };
}

/** The name in the Rock Ridge fields; undefined: none. */
function rockRidgeName(fields: Uint8Array): string | undefined {
  let name: string | undefined;
  for (let at = 0; at + 4 <= fields.length; ) {
    const length = fields[at + 2] ?? 0;
    if (length < 4 || at + length > fields.length) return name;
    const signature = String.fromCharCode(fields[at] ?? 0, fields[at + 1] ?? 0);
    // Bits 1 and 2 of its flags stand for `.` and `..`.
    if (signature === 'NM' && length > 5 && ((fields[at + 4] ?? 0) & 6) === 0)
      name = (name ?? '') + Buffer.from(copyBytes(fields, at + 5, at + length)).toString('utf8');
    at += length;
  }
  return name;
}

/** A little-endian number. */
const numberAt = (bytes: Uint8Array, at: number, length: number): number =>
  copyBytes(bytes, at, at + length).reduceRight((sum, byte) => sum * 256 + byte, 0);

async function readExactly(image: ImageBytes, { at, bytes }: IsoFile): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let done = 0; done < bytes; ) {
    const part = await image.read(at + done, bytes - done);
    if (part.length === 0) throw new IsoFault('it was cut short: copy it again');
    parts.push(part);
    done += part.length;
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
}
