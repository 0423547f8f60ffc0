// Files as a power cut leaves them: synced data is there; written but unsynced data is gone, whole or in part.
//
// 1. A file's name is there once its directory was synced after the file was created.
// 2. Each unsynced sector (512 bytes) may have reached the disk or not, in any order: the disk is free to choose. A file's
//    length follows the furthest sector that did.

import type { SystemCall } from './system-calls.ts';

const SECTOR_BYTES = 512;

type Change =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly length: number };

interface VolatileFile {
  /** On the disk for good. */
  durable: Buffer;
  /** Since the last sync, the oldest first. */
  changes: Change[];
  isNamed: boolean;
  /** For writes that say no offset: they append. */
  length: number;
}

/** The files below a directory. */
export class VolatileFiles {
  readonly #directory: string;
  readonly #files = new Map<string, VolatileFile>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Takes note of a call. */
  apply(call: SystemCall): void {
    if (call.kind === 'send') return;
    if (call.kind === 'sync' && call.path === this.#directory) {
      for (const file of this.#files.values()) file.isNamed = true;
      return;
    }
    if (!call.path.startsWith(`${this.#directory}/`)) return;
    if (call.kind === 'remove') {
      this.#files.delete(call.path);
      return;
    }
    const file = this.#of(call.path);
    if (call.kind === 'write') {
      const offset = call.offset ?? file.length;
      file.changes.push({ kind: 'write', offset, bytes: call.bytes });
      file.length = Math.max(file.length, offset + call.bytes.length);
    } else if (call.kind === 'truncate' || (call.kind === 'open' && call.truncates)) {
      const length = call.kind === 'truncate' ? call.length : 0;
      file.changes.push({ kind: 'truncate', length });
      file.length = length;
    } else if (call.kind === 'sync') {
      file.durable = applied(file.durable, file.changes);
      file.changes = [];
    }
  }

  #of(path: string): VolatileFile {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    const file = { durable: Buffer.alloc(0), changes: [], isNamed: false, length: 0 };
    this.#files.set(path, file);
    return file;
  }

  /** How many bytes of a file are written and not synced. */
  unsynced(name: string): number {
    const file = this.#files.get(`${this.#directory}/${name}`);
    return (file?.changes ?? []).reduce((sum, change) => sum + (change.kind === 'write' ? change.bytes.length : 0), 0);
  }

  /**
   * The content of a file after the power was cut now; undefined: its name is lost.
   * @param survives decides for each unsynced sector, or shortening, whether it had reached the disk
   */
  afterPowerLoss(name: string, survives: () => boolean): Buffer | undefined {
    const file = this.#files.get(`${this.#directory}/${name}`);
    if (file === undefined || !file.isNamed) return undefined;
    const survived = file.changes.flatMap((change) => {
      const parts = change.kind === 'truncate' ? [change] : [...sectorsOf(change.offset, change.bytes)];
      return parts.filter(survives);
    });
    return applied(file.durable, survived);
  }
}

function* sectorsOf(offset: number, bytes: Buffer): Generator<Change> {
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + SECTOR_BYTES - ((offset + from) % SECTOR_BYTES));
    yield { kind: 'write', offset: offset + from, bytes: bytes.subarray(from, to) };
    from = to;
  }
}

/** A copy of the content with the changes made to it, in order. */
function applied(content: Buffer, changes: readonly Change[]): Buffer {
  const ends = changes.map((change) => (change.kind === 'write' ? change.offset + change.bytes.length : change.length));
  const whole = Buffer.alloc(ends.reduce((most, end) => Math.max(most, end), content.length));
  content.copy(whole);
  let length = content.length;
  for (const change of changes) {
    if (change.kind === 'write') {
      change.bytes.copy(whole, change.offset);
      length = Math.max(length, change.offset + change.bytes.length);
    } else {
      // The truncated part reads as zeros when the file grows again.
      whole.fill(0, Math.min(length, change.length));
      length = change.length;
    }
  }
  return whole.subarray(0, length);
}
