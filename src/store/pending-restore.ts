// The last step of `rackboot restore`: a backup's files, checked and complete, replace the former ones.
//
//   restore.PID.unfinished/state ── complete, on disk ── renamed ──► restore.ready/state
//   finishRestore: the former state is removed ── renamed ──► restore.ready/moving ── its files moved into place; the directory is removed
//
// 1. Until the first rename nothing has changed; after it, every process that locks the state
//    directory first finishes it. A kill leaves the former state or the restored one.
// 2. All files of the former state go: without `lease-mark.json` the rack takes the leases for a
//    copy, and probes each address before another client gets it. The cache goes because it has
//    compiled code.

import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { syncPath } from '../files/durable-directory.ts';

/** What a restore replaces. */
const STATE_NAMES =
  /^(?:(?:leases|region|outbox)\.db(?:-wal|-shm|-journal)?|(?:rack\.json|region\.key)(?:\.copy)?|ssh|cache|desired-state\.json|lease-[a-z]+\.json)$/;

export const STATE_PART = 'state';
const READY_DIRECTORY = 'restore.ready';

/** Restores the directory `state` of `complete`, which lies in the locked state directory. */
export function commitRestore(stateDir: string, completePath: string): void {
  for (const entry of readdirSync(completePath, { recursive: true, withFileTypes: true }))
    syncPath(join(entry.parentPath, entry.name));
  syncPath(completePath);
  renameSync(completePath, join(stateDir, READY_DIRECTORY));
  syncPath(stateDir);
  finishRestore(stateDir);
}

/** Finishes an interrupted restore whose files were complete. */
export function finishRestore(stateDir: string): void {
  const readyPath = join(stateDir, READY_DIRECTORY);
  if (!existsSync(readyPath)) return;
  const [completePath, movingPath] = [join(readyPath, STATE_PART), join(readyPath, 'moving')];
  if (existsSync(completePath)) {
    for (const name of readdirSync(stateDir))
      if (STATE_NAMES.test(name)) rmSync(join(stateDir, name), { recursive: true });
    syncPath(stateDir);
    renameSync(completePath, movingPath);
    syncPath(readyPath);
  }
  if (existsSync(movingPath)) {
    for (const name of readdirSync(movingPath)) renameSync(join(movingPath, name), join(stateDir, name));
    syncPath(stateDir);
  }
  rmSync(readyPath, { recursive: true });
}
