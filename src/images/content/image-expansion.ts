// Expands a compressed image that arrives in pieces: gzip and Zstandard with Node's zlib, xz and
// bzip2 with the programs of these names.
//
// Sources: RFC 1952 (gzip), RFC 8878 (Zstandard), xz(1) of XZ Utils 5.4, bzip2(1) 1.0.8.
//
// 1. `write` resolves when the whole output of its bytes was consumed, or waits in a bounded pipe.
// 2. xz may use at most XZ_MEMORY_BYTES_MAX, whatever a file demands.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { cleanText } from '../../ground/clean-text.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { Conversion, PIECE_BYTES } from './conversion.ts';
import { installLine, searchPath } from './needed-programs.ts';
import { ZstdExpansion } from './zstd-expansion.ts';

export type Compression = 'gzip' | 'xz' | 'zstd' | 'bzip2';

interface Expansion {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
  close(): void;
}

type ConsumePiece = (piece: Uint8Array) => Promise<void>;

/** The largest preset, -9e, needs 65 MiB; a hostile file may demand 1.5 GiB. */
const XZ_MEMORY_BYTES_MAX = 256 * 1024 * 1024;
const ERROR_CHARACTERS_MAX = 200;
const MAGIC: readonly (readonly [hex: string, compression: Compression])[] = [
  ['1f8b08', 'gzip'],
  ['425a68', 'bzip2'],
  ['fd377a585a00', 'xz'],
  ['28b52ffd', 'zstd'],
];
/** The error code if a program could not expand its input. */
export const EXPANDING_FAILED = 'EXPANDING_FAILED';

/** Recognises a compression by the first bytes; undefined: none. */
export function recogniseCompression(head: Uint8Array): Compression | undefined {
  const hex = Buffer.from(head).toString('hex', 0, 8);
  return MAGIC.find(([magic]) => hex.startsWith(magic))?.[1];
}

/**
 * Begins an expansion.
 * @param consume gets expanded bytes in order, each valid until it resolves
 * @param signal ends a program at once; then `write` and `end` reject
 */
export function beginExpansion(compression: Compression, consume: ConsumePiece, signal?: AbortSignal): Expansion {
  if (compression === 'gzip') return new GzipExpansion(consume);
  return compression === 'zstd'
    ? new ZstdExpansion(consume)
    : new ProgramExpansion(PROGRAMS[compression], consume, signal);
}

interface ExpandingProgram {
  readonly name: string;
  readonly args: readonly string[];
  readonly package: string;
}

const PROGRAMS: Readonly<Record<'xz' | 'bzip2', ExpandingProgram>> = {
  xz: {
    name: 'xz',
    args: ['--decompress', '--stdout', '--format=xz', `--memlimit-decompress=${XZ_MEMORY_BYTES_MAX}`],
    package: 'xz-utils',
  },
  bzip2: { name: 'bzip2', args: ['--decompress', '--stdout'], package: 'bzip2' },
};

/** Expands all members, and ignores later bytes, like gzip(1). */
class GzipExpansion implements Expansion {
  readonly #members: Conversion;
  #hasEnded = false;

  constructor(consume: ConsumePiece) {
    this.#members = new Conversion(createGunzip({ chunkSize: PIECE_BYTES }), consume);
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = (await this.#members.write(bytes)) < bytes.length;
  }

  async end(): Promise<void> {
    await this.#members.end();
  }

  close(): void {
    this.#members.close();
  }
}

class ProgramExpansion implements Expansion {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #done: Promise<void>;
  readonly #program: ExpandingProgram;
  #errorOutput = '';

  constructor(program: ExpandingProgram, consume: ConsumePiece, signal: AbortSignal | undefined) {
    this.#program = program;
    const env = { PATH: searchPath(), LC_ALL: 'C' };
    this.#child = spawn(program.name, program.args, {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(signal === undefined ? {} : { signal, killSignal: 'SIGKILL' }),
    });
    this.#child.stdin.on('error', () => undefined);
    this.#child.stderr.on('data', (bytes: Buffer) => {
      this.#errorOutput = (this.#errorOutput + bytes.toString('utf8')).slice(0, ERROR_CHARACTERS_MAX);
    });
    this.#done = this.#run(consume);
    // `write` and `end` await it; until then, a rejection must not count as unhandled.
    this.#done.catch(() => undefined);
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { stdin } = this.#child;
    const failed = await new Promise<boolean>((resolve) => {
      stdin.write(bytes, (error) => resolve(error !== null && error !== undefined));
    });
    // The exit of the program gives the reason.
    if (failed) await this.#done;
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#done;
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  async #run(consume: ConsumePiece): Promise<void> {
    const { name } = this.#program;
    const ended = once(this.#child, 'close');
    const started = once(this.#child, 'spawn');
    // The first rejection is the reason; this one must not count as unhandled.
    ended.catch(() => undefined);
    try {
      await started;
    } catch (cause) {
      if (osErrorCode(cause) !== 'ENOENT') throw cause;
      const text = `the program ${name} is not installed: ${installLine([this.#program.package])}`;
      throw new RackError('tool-missing', text, { cause });
    }
    for await (const piece of this.#child.stdout) await consume(piece);
    const [code] = await ended;
    if (code === 0) return;
    const why = cleanText(
      this.#errorOutput.replaceAll(/^(?:xz|bzip2): (?:\(stdin\): )?/gm, '').trim(),
      ERROR_CHARACTERS_MAX,
    );
    throw Object.assign(new Error(why === '' ? `${name} ended with ${code}` : why), { code: EXPANDING_FAILED });
  }
}
