// Unpacks an archive of boot loaders, `archive.tar.xz` of MAAS's streams, in memory.
//
// Sources: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar 1.35 for its magic in the same field.
//
// 1. Only plain files are extracted, each under the last component of its name. So no name becomes a path.
// 2. An archive with a link, a device, an absolute path or a path with `..` is refused as a whole.
//    Directories are skipped.
// 3. An archive expands to at most EXPANDED_BYTES_MAX, with at most FILES_MAX files.

import { isPlainName } from '../../boot/images.ts';
import { viewBytes } from '../../ground/borrowed-bytes.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { beginExpansion } from '../content/image-expansion.ts';
import { paddedBytes, readTarBlock, TAR_BLOCK_BYTES } from '../content/tar-header.ts';
import { isContainedPath } from '../sources/contained-path.ts';

export interface LoaderFile {
  readonly name: string;
  readonly data: Buffer;
}

const EXPANDED_BYTES_MAX = 256 * 1024 * 1024;
const FILES_MAX = 256;
const DIRECTORY = '5';
/** The types of regular files: of POSIX, and of old tar. */
const PLAIN_TYPES: ReadonlySet<string> = new Set(['0', '']);
/**
 * The types of extended headers of pax. They may contain only metadata. A header with a name or a
 * size is refused.
 */
const PAX_TYPES: ReadonlySet<string> = new Set(['x', 'g']);

type LoaderDecoded =
  | { readonly ok: true; readonly files: readonly LoaderFile[] }
  | { readonly ok: false; readonly problem: string };

/**
 * Unpacks an archive.
 * @param title its name in messages
 * @throws RackError `bad-argument` if the archive is refused, `tool-missing` without xz
 */
export async function unpackLoader(archive: Uint8Array, title: string): Promise<readonly LoaderFile[]> {
  const refuse = (why: string, cause?: unknown): RackError =>
    new RackError('bad-argument', `${title} cannot be unpacked: ${why}`, { cause });
  const decoded = decodeLoaderTar(await expandArchive(archive, refuse));
  if (!decoded.ok) throw refuse(decoded.problem);
  return decoded.files;
}

export function decodeLoaderTar(tar: Uint8Array): LoaderDecoded {
  const files = new Map<string, LoaderFile>();
  for (let offset = 0; ; ) {
    const header = decodeHeader(viewBytes(tar, offset, offset + TAR_BLOCK_BYTES));
    if (typeof header === 'string') return { ok: false, problem: header };
    if (header.kind === 'end') return { ok: true, files: [...files.values()] };
    const start = offset + TAR_BLOCK_BYTES;
    const data = Buffer.from(viewBytes(tar, start, start + header.bytes));
    if (data.length < header.bytes) return { ok: false, problem: CUT_SHORT };
    offset = start + paddedBytes(header.bytes);
    const name = PAX_TYPES.has(header.type) ? judgePax(data) : chooseName(header);
    if (typeof name === 'object') return { ok: false, problem: name.problem };
    if (name === undefined) continue;
    if (files.has(name)) return { ok: false, problem: `it has two files named ${name}` };
    if (files.size === FILES_MAX) return { ok: false, problem: `it has more than ${counted(FILES_MAX, 'file')}` };
    files.set(name, { name, data });
  }
}

const CUT_SHORT = 'it is cut short';

const judgePax = (data: Buffer): { readonly problem: string } | undefined =>
  /(?:^|\n)\d+ (?:path|size|linkpath)=/.test(data.toString('latin1'))
    ? { problem: 'it has a very long name' }
    : undefined;

/** @returns undefined for a directory */
function chooseName({ name, type }: TarEntry): string | undefined | { readonly problem: string } {
  const quoted = JSON.stringify(name);
  const path = name.replace(/^\.\//, '').replace(/\/$/, '');
  if (type === DIRECTORY && (path === '.' || path === '')) return undefined;
  if (!isContainedPath(path)) return { problem: `it has ${quoted}, which leads out of the archive` };
  if (type === DIRECTORY) return undefined;
  if (!PLAIN_TYPES.has(type)) return { problem: `${quoted} is not a plain file` };
  const fileName = path.slice(path.lastIndexOf('/') + 1);
  return isPlainName(fileName) ? fileName : { problem: `the name ${quoted} is not allowed in the boot tree` };
}

type Refuse = (why: string, cause?: unknown) => RackError;

async function expandArchive(archive: Uint8Array, refuse: Refuse): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const expansion = beginExpansion('xz', async (piece) => {
    bytes += piece.length;
    if (bytes > EXPANDED_BYTES_MAX) throw refuse(`it expands to more than ${EXPANDED_BYTES_MAX} bytes`);
    pieces.push(Buffer.from(piece));
  });
  try {
    await expansion.write(archive);
    await expansion.end();
  } catch (error) {
    throw error instanceof RackError ? error : refuse('it is damaged', error);
  } finally {
    expansion.close();
  }
  return Buffer.concat(pieces);
}

interface TarEntry {
  readonly kind: 'member';
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
}

function decodeHeader(head: Uint8Array): TarEntry | { readonly kind: 'end' } | string {
  const block = readTarBlock(head);
  if (block.kind === 'fault') return block.problem;
  if (block.kind === 'end') return block;
  const { text } = block;
  const size = text(124, 12).trim();
  if (!/^[0-7]{1,11}$/.test(size)) return 'a file has no readable size';
  // GNU tar stores times where ustar has the prefix.
  const prefix = text(263, 2) === '00' ? text(345, 155) : '';
  const name = prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
  return { kind: 'member', name, type: text(156, 1), bytes: Number.parseInt(size, 8) };
}
