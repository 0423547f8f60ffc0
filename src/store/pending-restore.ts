// The last step of `rackboot restore`: the files of a backup, checked and complete in a directory of the state directory, take the place of
// the former ones.
//
//   restore.PID.unfinished/ ── complete, on disk ── renamed ──► restore.ready/ ── finishRestore ──► the state; the directory is removed
//
// 1. Until the rename nothing has changed; after it, every process that locks the state directory first finishes what is left. A kill
//    anywhere leaves the former state, or the restored one as a whole.
// 2. All files of the former state go: without the mark of the leases (`lease-mark.json`), the rack takes the restored leases for a copy,
//    and probes each address before it gives it to another client.

import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { syncPath } from '../files/durable-directory.ts';
import { readRegularFile } from '../files/regular-file.ts';

/** What a restore replaces. */
const STATE =
  /^(?:(?:leases|region|outbox)\.db(?:-wal|-shm|-journal)?|(?:rack\.json|region\.key)(?:\.copy)?|ssh|desired-state\.json|lease-[a-z]+\.json)$/;

/** A line for each file of the configuration and of the state. */
export const MANIFEST_BYTES_MAX = 16 * 1024 * 1024;
export const MANIFEST_FILE = 'manifest.json';
/** The directory of the state in a backup. */
export const STATE_PART = 'state';
const READY = 'restore.ready';

const namesShape = z.object({ files: z.array(z.object({ path: z.string() })) });

/** `complete` is a directory in the state directory, which is locked. */
export function commitRestore(stateDir: string, complete: string): void {
  for (const entry of readdirSync(complete, { recursive: true, withFileTypes: true }))
    syncPath(join(entry.parentPath, entry.name));
  syncPath(complete);
  renameSync(complete, join(stateDir, READY));
  syncPath(stateDir);
  finishRestore(stateDir);
}

/** Finishes a restore that was interrupted after its files were complete. */
export function finishRestore(stateDir: string): void {
  const ready = join(stateDir, READY);
  if (!existsSync(ready)) return;
  const manifest = join(ready, MANIFEST_FILE);
  // Without it, the files are in their places already.
  if (existsSync(manifest)) {
    const { files } = namesShape.parse(JSON.parse(readRegularFile(manifest, MANIFEST_BYTES_MAX)));
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
