// The last step of `rackboot restore`: a backup's files, checked and complete, replace the former ones.
//
//   restore.PID.unfinished/ ── complete, on disk ── renamed ──► restore.ready/ ── finishRestore ──► the state; the directory is removed
//
// 1. Until the rename nothing has changed; after it, every process that locks the state directory first finishes it. A kill leaves the
//    former state or the restored one.
// 2. All files of the former state go: without `lease-mark.json` the rack takes the leases for a copy, and probes each address before
//    another client gets it.

import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { syncPath } from '../files/durable-directory.ts';

/** What a restore replaces. */
const STATE =
  /^(?:(?:leases|region|outbox)\.db(?:-wal|-shm|-journal)?|(?:rack\.json|region\.key)(?:\.copy)?|ssh|desired-state\.json|lease-[a-z]+\.json)$/;

/** A line for each file. */
export const MANIFEST_BYTES_MAX = 16 * 1024 * 1024;
export const MANIFEST_FILE = 'manifest.json';
export const STATE_PART = 'state';
const READY = 'restore.ready';

const namesShape = z.object({ files: z.array(z.object({ path: z.string() })) });

/** `complete` lies in the locked state directory. */
export function commitRestore(stateDir: string, complete: string): void {
  for (const entry of readdirSync(complete, { recursive: true, withFileTypes: true }))
    syncPath(join(entry.parentPath, entry.name));
  syncPath(complete);
  renameSync(complete, join(stateDir, READY));
  syncPath(stateDir);
  finishRestore(stateDir);
}

/** Finishes an interrupted restore whose files were complete. */
export function finishRestore(stateDir: string): void {
  const ready = join(stateDir, READY);
  if (!existsSync(ready)) return;
  const manifest = join(ready, MANIFEST_FILE);
  // Otherwise the files are in place already.
  if (existsSync(manifest)) {
    const { files } = namesShape.parse(JSON.parse(readFileSync(manifest, 'utf8')));
    const restored = new Set(
      files.map(({ path }) => path.split('/')).flatMap(([part, name]) => (part === STATE_PART ? [name] : [])),
    );
    for (const name of readdirSync(stateDir)) {
      const isFormer = restored.has(name) ? existsSync(join(ready, STATE_PART, name)) : STATE.test(name);
      if (isFormer) rmSync(join(stateDir, name), { recursive: true });
    }
    for (const name of readdirSync(join(ready, STATE_PART)))
      renameSync(join(ready, STATE_PART, name), join(stateDir, name));
    syncPath(stateDir);
    rmSync(manifest);
  }
  rmSync(ready, { recursive: true });
}
