// The durable outbox in SQLite: `outbox.db` in the state directory.
//
// Sources: uplink/outbox-store.ts (the port); sqlite.org/lang_transaction.html (IMMEDIATE).
//
// 1. One method is one transaction. The size is kept in memory and updated only after the commit.
// 2. `place` is the order of arrival. `sequence` is empty until the entry is taken, then never changes.
// 3. An opened file may be a restored copy: its next sequences may have been used, and the region
//    would skip those entries as repeats. So numbered entries are sent first and alone; then a new
//    id is drawn, with sequences from 1, also when the region knows a higher one.

import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { newUuid } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { EVENT_LEVELS, type RackReport } from '../../region/records/machine-event.ts';
import {
  type Admission,
  type DeadLetter,
  OUTBOX_BOUNDS,
  type OutboxBounds,
  type OutboxEntry,
  type OutboxItem,
  type OutboxStore,
  type QueuedPost,
} from '../../uplink/outbox-store.ts';
import { type DatabaseKind, openDatabaseFile, readSqliteCode } from '../database-file.ts';
import { codec, json, number, optional, type Row, Statements, text } from '../rows.ts';

// Shares the outbox's room for machines' posts by address. Source: Choudhury and Hahne, "Dynamic
// Queue Length Thresholds for Shared-Memory Packet Switches" (1998).
//
// 1. At most `roomBytes` of posts wait.
// 2. One address may hold no more than is left to the others: the first gets at most half of the
//    room, the next half of the rest, so a few never block a small post of another. Machines behind
//    one router share.

class PostShares {
  readonly #roomBytes: number;
  readonly #bytesByAddress = new Map<string, number>();
  #total = 0;

  constructor(roomBytes: number) {
    this.#roomBytes = roomBytes;
  }

  isAdmissible(address: string, bytes: number): boolean {
    const remainingBytes = this.#roomBytes - this.#total - bytes;
    return (this.#bytesByAddress.get(address) ?? 0) + bytes <= remainingBytes;
  }

  add(address: string, bytes: number): void {
    this.#bytesByAddress.set(address, (this.#bytesByAddress.get(address) ?? 0) + bytes);
    this.#total += bytes;
  }

  remove(address: string, bytes: number): void {
    const bytesBefore = this.#bytesByAddress.get(address) ?? 0;
    this.#total -= Math.min(bytesBefore, bytes);
    if (bytesBefore > bytes) this.#bytesByAddress.set(address, bytesBefore - bytes);
    else this.#bytesByAddress.delete(address);
  }

  clear(): void {
    this.#bytesByAddress.clear();
    this.#total = 0;
  }
}

export const OUTBOX_FILE = 'outbox.db';

// A released step is never edited.
const TABLES = `
CREATE TABLE outbox (
  id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  missed INTEGER NOT NULL,
  life TEXT NOT NULL,
  life_sequence INTEGER NOT NULL
) STRICT;

CREATE TABLE entry (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  sequence INTEGER UNIQUE,
  weight INTEGER NOT NULL,
  kind TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  item TEXT NOT NULL
) STRICT;
CREATE INDEX entry_weight ON entry (weight, place) WHERE sequence IS NULL;

CREATE TABLE dropped (
  kind TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letter (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sequence INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  item TEXT NOT NULL
) STRICT;
`;

/** `outbox.db`. */
export const OUTBOX_DATABASE: DatabaseKind = {
  title: 'outbox database',
  applicationId: 0x52_42_4f_42,
  migrations: [TABLES],
};

/** The lightest entries are dropped first. */
const WEIGHT_NOTICE = 0;
const WEIGHT_WARNING = 1;
const WEIGHT_POST = 2;

function packItem(item: OutboxItem, weight = weighItem(item)) {
  const text = JSON.stringify(item);
  const kind = item.kind === 'post' ? 'post' : item.report.kind;
  return { weight, kind, bytes: Buffer.byteLength(text), item: text };
}
type PackedItem = ReturnType<typeof packItem>;

function weighItem(item: OutboxItem): number {
  if (item.kind === 'post') return WEIGHT_POST;
  return EVENT_LEVELS[item.report.level ?? 'info'] >= EVENT_LEVELS.warning ? WEIGHT_WARNING : WEIGHT_NOTICE;
}

const itemColumn = json<OutboxItem>('item');
const outboxCodec = codec({
  id: text('id'),
  sequence: number('sequence'),
  missed: number('missed'),
  life: text('life'),
  lifeSequence: number('life_sequence'),
});
const sizeCodec = codec<Size>({ entries: number('entries'), bytes: number('bytes') });
const SIZE_SQL = 'SELECT count(*) AS entries, coalesce(sum(bytes), 0) AS bytes FROM entry';
const entryColumns = { place: number('place'), bytes: number('bytes') };
const entryCodec = codec({ ...entryColumns, sequence: optional(number('sequence')) });
type Entry = ReturnType<typeof entryCodec.read>;
const droppableCodec = codec({ ...entryColumns, kind: text('kind') });
const postCodec = codec({ peer: text('peer'), bytes: number('bytes') });
const dropCountCodec = codec({ kind: text('kind'), count: number('count') });
const deadLetterCodec = codec<DeadLetter>({
  id: number('id'),
  sequence: number('sequence'),
  atMs: number('at_ms'),
  reason: text('reason'),
  item: itemColumn,
});

/** Count events lost before the outbox, and dead letters beyond their bound. */
const LOST_KIND = 'lost-before-the-outbox';
const LETTER_KIND = 'dead-letter';
const DROP_CHUNK = 256;
const LETTER_COUNT_SQL = 'SELECT count(*) FROM dead_letter';
const DEAD_LETTERS_LISTED_MAX = 500;
const REASON_MAX = 500;
/** The sender of a post; empty for other entries. */
const PEER_SQL = "coalesce(json_extract(item, '$.post.peer'), '')";
const findItemPeer = (item: OutboxItem): string => (item.kind === 'post' ? item.post.peer : '');

interface Size {
  entries: number;
  bytes: number;
}

/** @throws RackError `store-newer`, `store-broken`, `store-unwritable`, `store-unavailable` */
export function openOutboxStore(options: {
  readonly stateDir: string;
  readonly bounds?: OutboxBounds | undefined;
}): OutboxStore {
  const path = join(options.stateDir, OUTBOX_FILE);
  const database = openDatabaseFile(path, OUTBOX_DATABASE);
  try {
    return new SqliteOutbox(database, path, options.bounds ?? OUTBOX_BOUNDS);
  } catch (error) {
    database.close();
    throw error;
  }
}

class SqliteOutbox implements OutboxStore {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #bounds: OutboxBounds;
  readonly #sql: Statements;
  #size: Size;
  readonly #dropped = new Map<string, number>();
  /** Any host in a managed network can send posts. */
  readonly #postShares: PostShares;
  #id: string;
  #missed: number;
  #deadLetters: number;
  #isFromEarlierProcess: boolean;

  constructor(database: DatabaseSync, path: string, bounds: OutboxBounds) {
    this.#database = database;
    this.#path = path;
    this.#bounds = bounds;
    this.#postShares = new PostShares(bounds.bytesMax / 2);
    this.#sql = new Statements(database);
    if (this.#sql.one('SELECT id FROM outbox') === undefined) {
      this.#transact(() => this.#sql.run("INSERT INTO outbox VALUES (?, 0, 0, '', 0)", newUuid()));
    }
    const { id, missed, sequence } = this.#readOutbox();
    this.#id = id;
    this.#missed = missed;
    this.#isFromEarlierProcess = sequence > 0;
    this.#size = sizeCodec.read(this.#readRow(SIZE_SQL));
    this.#deadLetters = this.#sql.number(LETTER_COUNT_SQL);
    for (const { kind, count } of this.#sql.all('SELECT kind, count FROM dropped').map(dropCountCodec.read))
      this.#dropped.set(kind, count);
    this.#countPosts();
  }

  get id(): string {
    return this.#id;
  }
  get length(): number {
    return this.#size.entries;
  }
  get dropped(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#dropped);
  }
  get missed(): number {
    return this.#missed;
  }
  get deadLetterCount(): number {
    return this.#deadLetters;
  }

  readStoredSequence(life: string): number {
    const self = this.#readOutbox();
    return self.life === life ? self.lifeSequence : 0;
  }

  addReports(life: string, reports: readonly RackReport[], lostCount: number): Admission {
    const storedSequence = this.readStoredSequence(life);
    const newReports = reports.filter(({ sequence }) => sequence > storedSequence);
    const lastReport = newReports.at(-1);
    if (lastReport === undefined && lostCount === 0) return { dropped: 0, refused: false };
    return this.#change((drops) => {
      const size = { ...this.#size };
      if (lastReport !== undefined)
        this.#sql.run('UPDATE outbox SET life = ?, life_sequence = ?', life, lastReport.sequence);
      if (lostCount > 0) drops.set(LOST_KIND, lostCount);
      for (const { sequence: _own, ...report } of newReports)
        this.#admit(packItem({ kind: 'report', report }), size, drops);
      return size;
    });
  }

  addPost(post: QueuedPost): Admission {
    return this.#addPacked(packItem({ kind: 'post', post }), post.peer, () => undefined);
  }

  take(entriesMax: number, bytesMax: number): readonly OutboxEntry[] {
    // The sizes first: posts are large, and most would be read in vain.
    const sql = 'SELECT place, sequence, bytes FROM entry ORDER BY place LIMIT ?';
    let waitingEntries = this.#sql.all(sql, entriesMax).map(entryCodec.read);
    if (this.#isFromEarlierProcess) {
      const numberedEntries = waitingEntries.filter(({ sequence }) => sequence !== undefined);
      if (numberedEntries.length > 0) waitingEntries = numberedEntries;
      else this.renumber();
    }
    const chosenEntries: Entry[] = [];
    let bytes = 0;
    for (const entry of waitingEntries) {
      bytes += entry.bytes;
      if (chosenEntries.length > 0 && bytes > bytesMax) break;
      chosenEntries.push(entry);
    }
    if (chosenEntries.some(({ sequence }) => sequence === undefined)) this.#assignSequences(chosenEntries);
    return chosenEntries.map(({ place }) => {
      const row = this.#readRow('SELECT sequence, item FROM entry WHERE place = ?', place);
      return { ...itemColumn.read(row), sequence: number('sequence').read(row) };
    });
  }

  /** Posts with a sequence no longer count towards the share of their address. */
  #assignSequences(entries: readonly Entry[]): void {
    const query = `SELECT ${PEER_SQL} AS peer, bytes FROM entry WHERE place = ? AND sequence IS NULL AND weight = ?`;
    const posts = entries.flatMap(({ place }) => this.#sql.all(query, place, WEIGHT_POST)).map(postCodec.read);
    this.#transact(() => {
      let lastSequence = this.#readOutbox().sequence;
      for (const { place, sequence } of entries) {
        if (sequence !== undefined) continue;
        lastSequence += 1;
        this.#sql.run('UPDATE entry SET sequence = ? WHERE place = ?', lastSequence, place);
      }
      this.#sql.run('UPDATE outbox SET sequence = ?', lastSequence);
    });
    for (const { peer, bytes } of posts) this.#postShares.remove(peer, bytes);
  }
  acknowledge(sequence: number, missed: number): void {
    const acknowledgedSize = sizeCodec.read(this.#readRow(`${SIZE_SQL} WHERE sequence <= ?`, sequence));
    if (acknowledgedSize.entries === 0 && missed === 0) return;
    this.#transact(() => {
      this.#sql.run('DELETE FROM entry WHERE sequence <= ?', sequence);
      this.#sql.run('UPDATE outbox SET missed = max(0, missed - ?)', missed);
    });
    this.#size.entries -= acknowledgedSize.entries;
    this.#size.bytes -= acknowledgedSize.bytes;
    this.#missed = Math.max(0, this.#missed - missed);
  }

  bury(sequence: number, reason: string, atMs: number): void {
    const row = this.#sql.one('SELECT bytes, item FROM entry WHERE sequence = ?', sequence);
    if (row === undefined) return;
    this.#change((drops) => {
      const letterSql = 'INSERT INTO dead_letter (sequence, at_ms, reason, item) VALUES (?, ?, ?, ?)';
      this.#sql.run(letterSql, sequence, atMs, reason.slice(0, REASON_MAX), text('item').read(row));
      this.#sql.run('DELETE FROM entry WHERE sequence = ?', sequence);
      const { deadLettersMax } = this.#bounds;
      const excess = this.#deadLetters + 1 - deadLettersMax;
      if (excess > 0) {
        drops.set(LETTER_KIND, excess);
        const surplusSql = 'SELECT id FROM dead_letter ORDER BY id DESC LIMIT -1 OFFSET ?';
        this.#sql.run(`DELETE FROM dead_letter WHERE id IN (${surplusSql})`, deadLettersMax);
      }
      return { entries: this.#size.entries - 1, bytes: this.#size.bytes - number('bytes').read(row) };
    });
    this.#countDeadLetters();
  }

  listDeadLetters(): readonly DeadLetter[] {
    const rows = this.#sql.all('SELECT * FROM dead_letter ORDER BY id LIMIT ?', DEAD_LETTERS_LISTED_MAX);
    return rows.map(deadLetterCodec.read);
  }

  retry(deadLetter: number): boolean {
    const row = this.#sql.one('SELECT item FROM dead_letter WHERE id = ?', deadLetter);
    if (row === undefined) return false;
    const item = itemColumn.read(row);
    // As a post, because an operator wants it delivered.
    const { refused } = this.#addPacked(packItem(item, WEIGHT_POST), findItemPeer(item), () =>
      this.#sql.run('DELETE FROM dead_letter WHERE id = ?', deadLetter),
    );
    this.#countDeadLetters();
    if (refused) throw new RackError('store-unavailable', `${this.#path} is full of posts: it takes no more`);
    return true;
  }

  drop(deadLetter: number): boolean {
    const countBefore = this.#deadLetters;
    this.#transact(() => this.#sql.run('DELETE FROM dead_letter WHERE id = ?', deadLetter));
    this.#countDeadLetters();
    return this.#deadLetters < countBefore;
  }

  renumber(): void {
    const id = newUuid();
    this.#transact(() => {
      this.#sql.run('UPDATE entry SET sequence = NULL');
      this.#sql.run('UPDATE outbox SET id = ?, sequence = 0', id);
    });
    this.#id = id;
    this.#isFromEarlierProcess = false;
    this.#countPosts();
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  /** `extraWork` runs in the same transaction. */
  #addPacked(packed: PackedItem, peer: string, extraWork: () => void): Admission {
    if (!this.#postShares.isAdmissible(peer, packed.bytes)) return { dropped: 0, refused: true };
    const admission = this.#change((drops) => {
      const size = { ...this.#size };
      if (!this.#admit(packed, size, drops)) return undefined;
      extraWork();
      return size;
    });
    if (!admission.refused) this.#postShares.add(peer, packed.bytes);
    return admission;
  }

  /** @returns false if there is no room */
  #admit(packed: PackedItem, size: Size, drops: Map<string, number>): boolean {
    const { entriesMax, bytesMax } = this.#bounds;
    const hasRoom = (): boolean => size.entries < entriesMax && size.bytes + packed.bytes <= bytesMax;
    for (let weight = WEIGHT_NOTICE; weight <= Math.min(packed.weight, WEIGHT_WARNING) && !hasRoom(); weight += 1) {
      this.#makeRoom(weight, hasRoom, size, drops);
    }
    if (!hasRoom()) {
      if (packed.weight !== WEIGHT_POST) drops.set(packed.kind, (drops.get(packed.kind) ?? 0) + 1);
      return false;
    }
    const { weight, kind, bytes, item } = packed;
    this.#sql.run('INSERT INTO entry (weight, kind, bytes, item) VALUES (?, ?, ?, ?)', weight, kind, bytes, item);
    size.entries += 1;
    size.bytes += bytes;
    return true;
  }

  #countPosts(): void {
    this.#postShares.clear();
    const postsSql = `SELECT ${PEER_SQL} AS peer, bytes FROM entry WHERE sequence IS NULL AND weight = ?`;
    for (const { peer, bytes } of this.#sql.all(postsSql, WEIGHT_POST).map(postCodec.read))
      this.#postShares.add(peer, bytes);
  }

  /** Drops entries, the oldest first, until there is room or none is left. */
  #makeRoom(weight: number, hasRoom: () => boolean, size: Size, drops: Map<string, number>): void {
    for (;;) {
      const sql = 'SELECT place, kind, bytes FROM entry WHERE sequence IS NULL AND weight = ? ORDER BY place LIMIT ?';
      const rows = this.#sql.all(sql, weight, DROP_CHUNK);
      for (const { place, kind, bytes } of rows.map(droppableCodec.read)) {
        if (hasRoom()) return;
        this.#sql.run('DELETE FROM entry WHERE place = ?', place);
        drops.set(kind, (drops.get(kind) ?? 0) + 1);
        size.entries -= 1;
        size.bytes -= bytes;
      }
      if (rows.length < DROP_CHUNK) return;
    }
  }

  /** `change` returns the new size; `undefined` rolls it back. */
  #change(change: (drops: Map<string, number>) => Size | undefined): Admission {
    const drops = new Map<string, number>();
    let droppedCount = 0;
    const size = this.#transact(() => {
      const newSize = change(drops);
      if (newSize === undefined) {
        this.#database.exec('ROLLBACK');
        return undefined;
      }
      for (const [kind, count] of drops) {
        droppedCount += count;
        this.#sql.run(
          'INSERT INTO dropped VALUES (?1, ?2) ON CONFLICT (kind) DO UPDATE SET count = count + ?2',
          kind,
          count,
        );
      }
      if (droppedCount > 0) this.#sql.run('UPDATE outbox SET missed = missed + ?', droppedCount);
      return newSize;
    });
    if (size === undefined) return { dropped: 0, refused: true };
    this.#size = size;
    for (const [kind, count] of drops) this.#dropped.set(kind, (this.#dropped.get(kind) ?? 0) + count);
    this.#missed += droppedCount;
    return { dropped: droppedCount, refused: false };
  }

  #countDeadLetters(): void {
    this.#deadLetters = this.#sql.number(LETTER_COUNT_SQL);
  }

  #readOutbox() {
    return outboxCodec.read(this.#readRow('SELECT id, sequence, missed, life, life_sequence FROM outbox'));
  }

  #readRow(sql: string, ...values: number[]): Row {
    const row = this.#sql.one(sql, ...values);
    if (row === undefined) throw new Error(`no row: ${sql}`);
    return row;
  }

  #transact<T>(work: () => T): T {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const result = work();
      if (this.#database.isTransaction) this.#database.exec('COMMIT');
      return result;
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      const code = readSqliteCode(cause);
      if (code === undefined) throw cause;
      throw new RackError(
        'store-unavailable',
        `${this.#path} cannot be written at the moment (SQLite ${code}): make room on the disk, or make the file writable`,
        { cause },
      );
    }
  }
}
