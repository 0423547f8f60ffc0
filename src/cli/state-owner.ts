// Commands that open a database do it as the user who owns the state directory: a file made by root would lock the daemon out.

import { statSync } from 'node:fs';
import { osErrorCode } from '../errors.ts';

/** Becomes the owner of `stateDir` when this process is root and the owner is not. */
export function becomeOwnerOf(stateDir: string): void {
  let owner: { readonly uid: number; readonly gid: number };
  try {
    owner = statSync(stateDir);
  } catch (error) {
    // Not there yet: the command makes it, and the service takes it over when it first starts.
    if (osErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  if (process.getuid?.() !== 0 || owner.uid === 0) return;
  process.setgroups?.([]);
  process.setgid?.(owner.gid);
  process.setuid?.(owner.uid);
}
