// The durable outbox in SQLite: `outbox.db` in the state directory.
//
// Sources: uplink/outbox-store.ts (the port); sqlite.org/lang_transaction.html (IMMEDIATE).
//
// 1. One method is one transaction. The size is kept in memory and updated only after the commit.
// 2. `place` is the order of arrival. `sequence` is empty until the entry is taken, then never changes.
// 3. An opened file may be a restored copy. Its next sequences may then have been used before, and the region would skip those entries as
//    repeats. So already numbered entries are sent first, without others; then a new id is drawn, with sequences from 1. A new id is also
//    drawn when the region knows a higher sequence.

import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { newUuid } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import type { RackReport } from '../../region/records/machine-event.ts';
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
import { openDatabaseFile, sqliteCode } from '../database-file.ts';
import { number, type Row, Statements, text } from '../rows.ts';
import {
  type PackedItem,
  packOutboxItem,
  unpackOutboxItem,
  WEIGHT_NOTICE,
  WEIGHT_POST,
  WEIGHT_WARNING,
} from './outbox-item.ts';
import { OUTBOX_DATABASE } from './outbox-schema.ts';

// Shares the outbox's room for machines' posts by address, so that a machine that posts without end leaves room for others. Source:
// Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches" (1998).
//
// 1. At most `roomBytes` of posts wait.
// 2. One address may not hold more than is left to the others. So the first gets at most half of the room, the next one half of the rest,
//    and so on: a few addresses can never block a small post of another. Machines behind one router share.

/** Bytes of waiting posts, by the address of their machine. */
class PostShares {
  readonly #roomBytes: number;
  readonly #bytesOf = new Map<string, number>();
  #total = 0;

  /** @param roomBytes for all posts together */
  constructor(roomBytes: number) {
    this.#roomBytes = roomBytes;
  }

  /** True if a further post of `bytes` from this address may wait. */
  admits(address: string, bytes: number): boolean {
    const left = this.#roomBytes - this.#total - bytes;
    return (this.#bytesOf.get(address) ?? 0) + bytes <= left;
  }

  add(address: string, bytes: number): void {
    this.#bytesOf.set(address, (this.#bytesOf.get(address) ?? 0) + bytes);
    this.#total += bytes;
  }

  /** Call when posts of `bytes` no longer wait. */
  remove(address: string, bytes: number): void {
    const before = this.#bytesOf.get(address) ?? 0;
    this.#total -= Math.min(before, bytes);
    if (before > bytes) this.#bytesOf.set(address, before - bytes);
    else this.#bytesOf.delete(address);
  }

  clear(): void {
    this.#bytesOf.clear();
    this.#total = 0;
  }
}

/** The file's name below the state directory. */
export const OUTBOX_FILE = 'outbox.db';

/** The kinds under which events lost before they reached the outbox, and dead letters beyond their bound, are counted. */
const LOST_KIND = 'lost-before-the-outbox';
const LETTER_KIND = 'dead-letter';
/** Entries dropped by one statement. */
const DROP_CHUNK = 256;
const DEAD_LETTERS_LISTED_MAX = 500;
const REASON_MAX = 500;
/** The address of the machine that sent a post; empty for other entries. */
const PEER_SQL = "coalesce(json_extract(item, '$.post.peer'), '')";
const peerOf = (item: OutboxItem): string => (item.kind === 'post' ? item.post.peer : '');

/** Waiting entries and their bytes. */
interface Size {
  entries: number;
  bytes: number;
}

/**
 * Opens or creates `outbox.db` in a directory.
 * @throws RackError `store-newer`, `store-broken`, `store-unwritable`, `store-unavailable`
 */
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
  /** Any host in a managed network can send posts, so they get at most half of the room. */
  readonly #posts: PostShares;
  #id: string;
  #missed: number;
  #deadLetters: number;
  /** True while the id and the sequences are those of an earlier process. */
  #isFromEarlierProcess: boolean;

  constructor(database: DatabaseSync, path: string, bounds: OutboxBounds) {
    this.#database = database;
    this.#path = path;
    this.#bounds = bounds;
    this.#posts = new PostShares(bounds.bytesMax / 2);
    this.#sql = new Statements(database);
    if (this.#sql.one('SELECT id FROM outbox') === undefined) {
      this.#write(() => this.#sql.run("INSERT INTO outbox VALUES (?, 0, 0, '', 0)", newUuid()));
    }
    const self = this.#self();
    this.#id = text('id').read(self);
    this.#missed = number('missed').read(self);
    this.#isFromEarlierProcess = number('sequence').read(self) > 0;
    const size = this.#get('SELECT count(*) AS entries, coalesce(sum(bytes), 0) AS bytes FROM entry');
    this.#size = { entries: number('entries').read(size), bytes: number('bytes').read(size) };
    this.#deadLetters = number('count').read(this.#get('SELECT count(*) AS count FROM dead_letter'));
    for (const row of this.#sql.all('SELECT kind, count FROM dropped'))
      this.#dropped.set(text('kind').read(row), number('count').read(row));
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

  storedOf(life: string): number {
    const self = this.#self();
    return text('life').read(self) === life ? number('life_sequence').read(self) : 0;
  }

  addReports(life: string, reports: readonly RackReport[], lost: number): Admission {
    const known = this.storedOf(life);
    const fresh = reports.filter(({ sequence }) => sequence > known);
    const last = fresh.at(-1);
    if (last === undefined && lost === 0) return { dropped: 0, refused: false };
    return this.#change((drops) => {
      const size = { ...this.#size };
      if (last !== undefined) this.#sql.run('UPDATE outbox SET life = ?, life_sequence = ?', life, last.sequence);
      if (lost > 0) drops.set(LOST_KIND, lost);
      for (const { sequence: _own, ...report } of fresh)
        this.#admit(packOutboxItem({ kind: 'report', report }), size, drops);
      return size;
    });
  }

  addPost(post: QueuedPost): Admission {
    return this.#addPacked(packOutboxItem({ kind: 'post', post }), post.peer, () => undefined);
  }

  take(entriesMax: number, bytesMax: number): readonly OutboxEntry[] {
    // Read the sizes first: posts are large, and most would be read in vain.
    let rows = this.#sql.all('SELECT place, sequence, bytes FROM entry ORDER BY place LIMIT ?', entriesMax);
    if (this.#isFromEarlierProcess) {
      const numbered = rows.filter((row) => row.sequence !== null);
      if (numbered.length > 0) rows = numbered;
      else this.renumber();
    }
    const chosen: Row[] = [];
    let bytes = 0;
    for (const row of rows) {
      bytes += number('bytes').read(row);
      if (chosen.length > 0 && bytes > bytesMax) break;
      chosen.push(row);
    }
    if (chosen.some((row) => row.sequence === null)) this.#assignSequences(chosen);
    return chosen.map((row) => {
      const entry = this.#get('SELECT sequence, item FROM entry WHERE place = ?', number('place').read(row));
      return { ...unpackOutboxItem(text('item').read(entry)), sequence: number('sequence').read(entry) };
    });
  }

  /** Numbers entries; posts among them no longer count towards their address's share. */
  #assignSequences(rows: readonly Row[]): void {
    const query = `SELECT ${PEER_SQL} AS peer, bytes FROM entry WHERE place = ? AND sequence IS NULL AND weight = ?`;
    const posts = rows.map((row) => this.#sql.one(query, number('place').read(row), WEIGHT_POST));
    this.#write(() => {
      let next = number('sequence').read(this.#self());
      for (const row of rows) {
        if (row.sequence !== null) continue;
        next += 1;
        this.#sql.run('UPDATE entry SET sequence = ? WHERE place = ?', next, number('place').read(row));
      }
      this.#sql.run('UPDATE outbox SET sequence = ?', next);
    });
    for (const row of posts)
      if (row !== undefined) this.#posts.remove(text('peer').read(row), number('bytes').read(row));
  }

  acknowledge(sequence: number, missed: number): void {
    const done = this.#get(
      'SELECT count(*) AS entries, coalesce(sum(bytes), 0) AS bytes FROM entry WHERE sequence <= ?',
      sequence,
    );
    if (number('entries').read(done) === 0 && missed === 0) return;
    this.#write(() => {
      this.#sql.run('DELETE FROM entry WHERE sequence <= ?', sequence);
      this.#sql.run('UPDATE outbox SET missed = max(0, missed - ?)', missed);
    });
    this.#shrink(done);
    this.#missed = Math.max(0, this.#missed - missed);
  }

  bury(sequence: number, reason: string, atMs: number): void {
    const row = this.#sql.one('SELECT bytes, item FROM entry WHERE sequence = ?', sequence);
    if (row === undefined) return;
    this.#change((drops) => {
      const letter = 'INSERT INTO dead_letter (sequence, at_ms, reason, item) VALUES (?, ?, ?, ?)';
      this.#sql.run(letter, sequence, atMs, reason.slice(0, REASON_MAX), text('item').read(row));
      this.#sql.run('DELETE FROM entry WHERE sequence = ?', sequence);
      const { deadLettersMax } = this.#bounds;
      const excess = this.#deadLetters + 1 - deadLettersMax;
      if (excess > 0) {
        drops.set(LETTER_KIND, excess);
        const oldest = 'SELECT id FROM dead_letter ORDER BY id DESC LIMIT -1 OFFSET ?';
        this.#sql.run(`DELETE FROM dead_letter WHERE id IN (${oldest})`, deadLettersMax);
      }
      return { entries: this.#size.entries - 1, bytes: this.#size.bytes - number('bytes').read(row) };
    });
    this.#countDeadLetters();
  }

  listDeadLetters(): readonly DeadLetter[] {
    const rows = this.#sql.all('SELECT * FROM dead_letter ORDER BY id LIMIT ?', DEAD_LETTERS_LISTED_MAX);
    return rows.map((row) => ({
      id: number('id').read(row),
      sequence: number('sequence').read(row),
      atMs: number('at_ms').read(row),
      reason: text('reason').read(row),
      item: unpackOutboxItem(text('item').read(row)),
    }));
  }

  retry(deadLetter: number): boolean {
    const row = this.#sql.one('SELECT item FROM dead_letter WHERE id = ?', deadLetter);
    if (row === undefined) return false;
    const item = unpackOutboxItem(text('item').read(row));
    // It weighs as much as a post, because an operator wants it delivered.
    const { refused } = this.#addPacked(packOutboxItem(item, WEIGHT_POST), peerOf(item), () =>
      this.#sql.run('DELETE FROM dead_letter WHERE id = ?', deadLetter),
    );
    this.#countDeadLetters();
    if (refused) throw new RackError('store-unavailable', `${this.#path} is full of posts: it takes no more`);
    return true;
  }

  drop(deadLetter: number): boolean {
    const before = this.#deadLetters;
    this.#write(() => this.#sql.run('DELETE FROM dead_letter WHERE id = ?', deadLetter));
    this.#countDeadLetters();
    return this.#deadLetters < before;
  }

  renumber(): void {
    const id = newUuid();
    this.#write(() => {
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

  /** Adds an item with the weight of a post, for an address; `more` runs in the same transaction. */
  #addPacked(packed: PackedItem, peer: string, more: () => void): Admission {
    if (!this.#posts.admits(peer, packed.bytes)) return { dropped: 0, refused: true };
    const admission = this.#change((drops) => {
      const size = { ...this.#size };
      if (!this.#admit(packed, size, drops)) return undefined;
      more();
      return size;
    });
    if (!admission.refused) this.#posts.add(peer, packed.bytes);
    return admission;
  }

  /** Stores an item, after making room for it, and counts dropped entries in `drops`. @returns false if there is no room */
  #admit(packed: PackedItem, size: Size, drops: Map<string, number>): boolean {
    const { entriesMax, bytesMax } = this.#bounds;
    const fits = (): boolean => size.entries < entriesMax && size.bytes + packed.bytes <= bytesMax;
    for (let weight = WEIGHT_NOTICE; weight <= Math.min(packed.weight, WEIGHT_WARNING) && !fits(); weight += 1) {
      this.#makeRoom(weight, fits, size, drops);
    }
    if (!fits()) {
      if (packed.weight !== WEIGHT_POST) drops.set(packed.kind, (drops.get(packed.kind) ?? 0) + 1);
      return false;
    }
    const { weight, kind, bytes, item } = packed;
    this.#sql.run('INSERT INTO entry (weight, kind, bytes, item) VALUES (?, ?, ?, ?)', weight, kind, bytes, item);
    size.entries += 1;
    size.bytes += bytes;
    return true;
  }

  /** Recounts the waiting posts. */
  #countPosts(): void {
    this.#posts.clear();
    const posts = `SELECT ${PEER_SQL} AS peer, bytes FROM entry WHERE sequence IS NULL AND weight = ?`;
    for (const row of this.#sql.all(posts, WEIGHT_POST))
      this.#posts.add(text('peer').read(row), number('bytes').read(row));
  }

  /** Drops entries of one weight, oldest first, until `fits` or none is left. */
  #makeRoom(weight: number, fits: () => boolean, size: Size, drops: Map<string, number>): void {
    for (;;) {
      const rows = this.#sql.all(
        'SELECT place, kind, bytes FROM entry WHERE sequence IS NULL AND weight = ? ORDER BY place LIMIT ?',
        weight,
        DROP_CHUNK,
      );
      for (const row of rows) {
        if (fits()) return;
        this.#sql.run('DELETE FROM entry WHERE place = ?', number('place').read(row));
        const kind = text('kind').read(row);
        drops.set(kind, (drops.get(kind) ?? 0) + 1);
        size.entries -= 1;
        size.bytes -= number('bytes').read(row);
      }
      if (rows.length < DROP_CHUNK) return;
    }
  }

  /** Runs a transaction that adds and drops entries, then updates the counts. `work` returns the new size; undefined rolls it back. */
  #change(work: (drops: Map<string, number>) => Size | undefined): Admission {
    const drops = new Map<string, number>();
    let dropped = 0;
    const size = this.#write(() => {
      const done = work(drops);
      if (done === undefined) {
        this.#database.exec('ROLLBACK');
        return undefined;
      }
      for (const [kind, count] of drops) {
        dropped += count;
        this.#sql.run(
          'INSERT INTO dropped VALUES (?1, ?2) ON CONFLICT (kind) DO UPDATE SET count = count + ?2',
          kind,
          count,
        );
      }
      if (dropped > 0) this.#sql.run('UPDATE outbox SET missed = missed + ?', dropped);
      return done;
    });
    if (size === undefined) return { dropped: 0, refused: true };
    this.#size = size;
    for (const [kind, count] of drops) this.#dropped.set(kind, (this.#dropped.get(kind) ?? 0) + count);
    this.#missed += dropped;
    return { dropped, refused: false };
  }

  #shrink(row: Row): void {
    this.#size.entries -= number('entries').read(row);
    this.#size.bytes -= number('bytes').read(row);
  }

  #countDeadLetters(): void {
    this.#deadLetters = number('count').read(this.#get('SELECT count(*) AS count FROM dead_letter'));
  }

  #self(): Row {
    return this.#get('SELECT id, sequence, missed, life, life_sequence FROM outbox');
  }

  #get(sql: string, ...values: number[]): Row {
    const row = this.#sql.one(sql, ...values);
    if (row === undefined) throw new Error(`no row: ${sql}`);
    return row;
  }

  #write<T>(work: () => T): T {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const result = work();
      if (this.#database.isTransaction) this.#database.exec('COMMIT');
      return result;
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      const code = sqliteCode(cause);
      if (code === undefined) throw cause;
      throw new RackError(
        'store-unavailable',
        `${this.#path} cannot be written at the moment (SQLite ${code}): make room on the disk, or make the file writable`,
        { cause },
      );
    }
  }
}
