// `rackboot leases import`: imports the leases of another DHCP server, through a running daemon, or
// into leases.db without one.
//
// 1. Every skipped entry is printed with its file, its line and the reason, up to
//    PROBLEMS_SHOWN_MAX; all are counted.
// 2. An import that fails midway prints what it has imported, and may be repeated.
// 3. Several files count as one: the last entry of an address in the last file wins, as with Kea's
//    lease file cleanup.
// 4. A client's newest lease is imported first, whatever the order in the files.

import { closeSync, openSync, readSync } from 'node:fs';
import { loadStateDir } from '../../config/config-file.ts';
import {
  FILE_LINE_MAX,
  FILE_PROBLEMS,
  type FileProblem,
  FOREIGN_LEASES_MAX,
  type ForeignLease,
} from '../../dhcp/import/foreign-lease.ts';
import { DOCUMENT_CHARACTERS_MAX } from '../../dhcp/import/json-leases.ts';
import {
  DETECT_LINES,
  detectFormat,
  ForeignLeases,
  LEASE_FILE_FORMATS,
  type LeaseFileFormat,
  readLeaseFile,
} from '../../dhcp/import/lease-file.ts';
import { IMPORT_REFUSALS, type ImportRefusal } from '../../dhcp/import/lease-import.ts';
import { toFileFault } from '../../files/read-fault.ts';
import { formatIpv4, type Ipv4 } from '../../ground/address.ts';
import { cleanText } from '../../ground/clean-text.ts';
import { systemClock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { print, printJson } from '../terminal/output.ts';
import { openImport } from './destination.ts';

const PIECE_BYTES = 256 * 1024;

/**
 * The lines of a file of any size, one character a byte, without their ends (LF or CR LF). A line
 * longer than `lineMax` is cut to `lineMax` + 1 characters, by which the caller recognises it.
 * @throws RackError as `fileFault`
 */
export function* linesOfFile(path: string, lineMax: number): Generator<string, void> {
  const file = openLeaseFile(path);
  const piece = Buffer.alloc(PIECE_BYTES);
  const cut = lineMax + 1;
  let rest = '';
  try {
    for (;;) {
      const bytes = readAt(file, piece, path);
      if (bytes === 0) break;
      const lines = (rest + piece.toString('latin1', 0, bytes)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield withoutReturn(line).slice(0, cut);
      // One more than the cut: the line may end in a CR.
      rest = rest.slice(0, cut + 1);
    }
    if (rest !== '') yield withoutReturn(rest).slice(0, cut);
  } finally {
    closeSync(file);
  }
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line);

function openLeaseFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw toFileFault(path, cause);
  }
}

function readAt(file: number, into: Buffer, path: string): number {
  try {
    return readSync(file, into, 0, into.length, null);
  } catch (cause) {
    throw toFileFault(path, cause);
  }
}

interface ImportArguments {
  readonly config: string;
  readonly files: readonly string[];
  /** Undefined: detected from the files. */
  readonly format: LeaseFileFormat | undefined;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** Lines about single entries; further ones are only counted. */
const PROBLEMS_SHOWN_MAX = 1000;
/** Leases handed over at a time. */
const BATCH_LEASES = 500;
/** Counted but not printed: common in lease files, or no lease that this server could give. */
const QUIET: ReadonlySet<string> = new Set<ImportRefusal | FileProblem>([
  'already-there',
  'newer-here',
  'client-moved',
  'quarantine-over',
  'not-ipv4',
]);

interface Tally {
  taken: number;
  readonly left: Map<string, number>;
  readonly problems: { readonly file: string; readonly line: number; readonly reason: string; readonly text: string }[];
  problemCount: number;
}

/** @returns 1 if an entry was skipped for a reason that a person can fix */
export async function importLeases(args: ImportArguments): Promise<number> {
  const { config, files, dryRun, json } = args;
  loadStateDir(config);
  const tally: Tally = { taken: 0, left: new Map(), problems: [], problemCount: 0 };
  const { leases, places } = readFiles(args, tally);
  const destination = await openImport(config);
  const finish = (isWhole: boolean): void => {
    tally.problems.sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line);
    printTally(tally, { dryRun, json, isWhole, into: destination.name, replaced: leases.replaced });
  };
  try {
    for (const batch of splitBatches(newestFirst(leases.values()))) {
      const addresses = new Map(batch.map(({ line, address }) => [line, address]));
      for await (const { taken, left } of destination.take(batch, dryRun)) {
        tally.taken += taken;
        for (const { line, reason } of left) {
          const address = addresses.get(line);
          const place = address === undefined ? undefined : places.get(address);
          if (address === undefined || place === undefined) continue;
          note(tally, place, reason, formatIpv4(address), IMPORT_REFUSALS[reason]);
        }
      }
    }
  } catch (error) {
    finish(false);
    throw error;
  } finally {
    await destination.close();
  }
  finish(true);
  return tally.problemCount === 0 ? 0 : 1;
}

interface Place {
  readonly file: string;
  readonly line: number;
}

/** Entries are numbered across files; an address has the place of its last entry. */
function readFiles({ files, format }: ImportArguments, tally: Tally) {
  const leases = new ForeignLeases();
  const places = new Map<Ipv4, Place>();
  let number = 0;
  for (const file of files) {
    const detected = format ?? detect(file);
    // A document of JSON may be one line.
    const lines = linesOfFile(file, detected === 'json' ? DOCUMENT_CHARACTERS_MAX : FILE_LINE_MAX);
    for (const entry of readLeaseFile(detected, lines, systemClock.wallTimeMs())) {
      if (entry.kind === 'problem') {
        note(tally, { file, line: entry.line }, entry.problem, entry.text, FILE_PROBLEMS[entry.problem]);
        continue;
      }
      number += 1;
      places.set(entry.lease.address, { file, line: entry.lease.line });
      if (!leases.add({ ...entry.lease, line: number }))
        throw new RackError('bad-argument', `${file} exceeds ${FOREIGN_LEASES_MAX} leased addresses`);
    }
  }
  return { leases, places };
}

function detect(file: string): LeaseFileFormat {
  const first: string[] = [];
  for (const line of linesOfFile(file, FILE_LINE_MAX)) if (first.push(line) >= DETECT_LINES) break;
  const detected = detectFormat(first);
  if (detected.kind === 'format') return detected.format;
  const formats = Object.entries(LEASE_FILE_FORMATS).map(([name, title]) => `${title} (--format ${name})`);
  throw new RackError(
    'bad-argument',
    `${file} is ${detected.name}: ${detected.next}. These formats can be imported: ${formats.join(', ')}`,
  );
}

/** A lease without a time of grant counts as granted now. */
const newestFirst = (leases: Iterable<ForeignLease>): readonly ForeignLease[] => {
  const grantedMs = ({ grantedWallMs }: ForeignLease): number => grantedWallMs ?? Number.MAX_SAFE_INTEGER;
  return [...leases].sort((a, b) => grantedMs(b) - grantedMs(a));
};

function* splitBatches(leases: Iterable<ForeignLease>): Generator<readonly ForeignLease[]> {
  let batch: ForeignLease[] = [];
  for (const lease of leases) {
    if (batch.push(lease) < BATCH_LEASES) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function note(tally: Tally, { file, line }: Place, reason: string, text: string, sentence: string): void {
  tally.left.set(reason, (tally.left.get(reason) ?? 0) + 1);
  if (QUIET.has(reason)) return;
  tally.problemCount += 1;
  if (tally.problems.length < PROBLEMS_SHOWN_MAX)
    tally.problems.push({ file, line, reason, text: `${text}: ${sentence}` });
}

function printTally(
  tally: Tally,
  about: {
    readonly dryRun: boolean;
    readonly json: boolean;
    /** False: the import ended before all leases were tried. */
    readonly isWhole: boolean;
    readonly into: string;
    readonly replaced: number;
  },
): void {
  const { taken, left, problems, problemCount } = tally;
  const { dryRun, isWhole, into, replaced } = about;
  if (about.json) {
    printJson({
      dryRun,
      whole: isWhole,
      into,
      taken,
      replaced,
      left: Object.fromEntries(left),
      problems,
      problemCount,
    });
    return;
  }
  for (const { file, line, text } of problems) print(`${file}:${line}: ${cleanText(text)}`);
  if (problemCount > problems.length) print(`and ${problemCount - problems.length} more of the same kinds`);
  print(
    `${counted(taken, 'lease')} ${dryRun ? 'would be' : taken === 1 ? 'was' : 'were'} imported into ${into}${isWhole ? '' : ' before the import failed; the rest was not tried'}.`,
  );
  for (const [reason, count] of left) print(`${count} skipped: ${refusalSentence(reason)} (${reason})`);
}

const refusalSentence = (reason: string): string =>
  Object.entries<string>({ ...FILE_PROBLEMS, ...IMPORT_REFUSALS }).find(([name]) => name === reason)?.[1] ?? reason;
