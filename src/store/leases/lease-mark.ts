// Recognises a `leases.db` put back from a copy: it lacks later leases, so an address may since
// have been given to another client. The mark, a small file next to it, records the state that the
// last run left.
//
//   start: readLeaseMark ─ load leases.db ─ isPutBack ─ LeaseMark writes, again every MARK_MS while leases are written, and at the end
//
// 1. The mark names its own file and that of `leases.db` by inode and time of birth, because
//    copying either back changes them: each write replaces the file. It also names the last
//    sequence on disk: a copy ends before that.
// 2. Without a readable mark the leases count as restored.
// 3. Restored records stay doubted across further starts (`doubtedUpTo`), until their clients have
//    newer ones.
// 4. A directory that goes back with its inodes (a snapshot) is not recognised. Remove the mark then.
// 5. A rack that has lost its leases would offer addresses that machines still use. `leases.db` is
//    then missing or empty, but `lease-ends.json` exists, which only a running rack writes (checked
//    before `leases.db` is opened, which creates one).

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../../files/new-file.ts';
import { readStateText } from '../../files/regular-file.ts';
import type { Clock, Timer } from '../../ground/clock.ts';
import { errorText, osErrorCode } from '../../ground/errors.ts';
import type { RackNote } from '../../region/reports/notes.ts';
import { LEASE_FILE } from './lease-journal.ts';
import { REPORTED_ENDS_FILE } from './reported-ends.ts';

export function findLostLeases(stateDir: string): RackNote | undefined {
  const path = join(stateDir, LEASE_FILE);
  const hasRun = readFileSize(join(stateDir, REPORTED_ENDS_FILE)) > 0;
  if (!hasRun || readFileSize(path) > 0) return undefined;
  return { note: 'leases-lost', file: path };
}

/** Opening an unreadable one will report the problem. */
function readFileSize(path: string): number {
  try {
    return statSync(path).size;
  } catch (error) {
    return osErrorCode(error) === 'ENOENT' ? 0 : 1;
  }
}

export const LEASE_MARK_FILE = 'lease-mark.json';
/** How often the mark is written, in milliseconds. */
export const MARK_MS = 5000;

const identityShape = z.object({ inode: z.string(), born: z.string() });
type FileIdentity = z.output<typeof identityShape>;
const markShape = z.object({
  version: z.literal(1),
  self: identityShape,
  database: identityShape,
  sequence: z.number().min(0),
  doubtedUpTo: z.number().min(0),
});

interface LeaseMarkReading {
  readonly isOurs: boolean;
  readonly sequence: number;
  /** Records up to this sequence come from a copy. */
  readonly doubtedUpTo: number;
}

const NO_MARK: LeaseMarkReading = { isOurs: false, sequence: 0, doubtedUpTo: 0 };

export function readLeaseMark(stateDir: string): LeaseMarkReading {
  const path = join(stateDir, LEASE_MARK_FILE);
  try {
    const { self, database, sequence, doubtedUpTo } = markShape.parse(JSON.parse(readStateText(path)));
    const isOurs =
      isSameFile(self, readFileIdentity(path)) && isSameFile(database, readFileIdentity(join(stateDir, LEASE_FILE)));
    return { isOurs, sequence, doubtedUpTo };
  } catch {
    return NO_MARK;
  }
}

/** @param lastSequence of the opened file */
export const isPutBack = ({ isOurs, sequence }: LeaseMarkReading, lastSequence: number): boolean =>
  !isOurs || lastSequence < sequence;

export const composeRestoredNote = (stateDir: string): RackNote => ({
  note: 'leases-restored',
  file: join(stateDir, LEASE_FILE),
});

const isSameFile = (a: FileIdentity, b: FileIdentity): boolean => a.inode === b.inode && a.born === b.born;

/** Inode and time of birth, which is 0 where the file system knows none. */
function readFileIdentity(path: string): FileIdentity {
  const { ino, birthtimeNs } = statSync(path, { bigint: true });
  return { inode: String(ino), born: String(birthtimeNs) };
}

interface LeaseMarkOptions {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly doubtedUpTo: number;
  readonly sequence: () => number;
  readonly onProblem: (note: RackNote) => void;
}

/** Writes in the background. */
export class LeaseMark {
  readonly #options: LeaseMarkOptions;
  readonly #path: string;
  readonly #databaseIdentity: FileIdentity;
  #writtenSequence: number | undefined;
  #timer: Timer | undefined;
  #pendingWrite: Promise<void> = Promise.resolve();
  #hasFailed = false;

  constructor(options: LeaseMarkOptions) {
    this.#options = options;
    this.#path = join(options.stateDir, LEASE_MARK_FILE);
    this.#databaseIdentity = readFileIdentity(join(options.stateDir, LEASE_FILE));
    this.#write();
  }

  /** Writes the last sequence once the journal is closed. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#pendingWrite = this.#pendingWrite.then(() => this.#replace());
    await this.#pendingWrite;
  }

  #write(): void {
    this.#pendingWrite = this.#pendingWrite.then(() => this.#replace());
    this.#timer = this.#options.clock.schedule(MARK_MS, () => this.#write());
  }

  async #replace(): Promise<void> {
    const { sequence, doubtedUpTo, onProblem } = this.#options;
    const current = sequence();
    if (current === this.#writtenSequence) return;
    const partPath = `${this.#path}.part`;
    try {
      await replaceFile(this.#path, partPath, () =>
        JSON.stringify({
          version: 1,
          self: readFileIdentity(partPath),
          database: this.#databaseIdentity,
          sequence: current,
          doubtedUpTo,
        }),
      );
      this.#writtenSequence = current;
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) onProblem({ note: 'mark-unwritten', file: this.#path, reason: errorText(error) });
      this.#hasFailed = true;
    }
  }
}
