// Commands that write below the state directory do it as the user who owns it: a file made by root would lock the daemon out.

import { statSync } from 'node:fs';
import { osErrorCode } from '../errors.ts';

/** Becomes the owner of `stateDir` when this process is root and the owner is not. */
export function becomeOwnerOf(stateDir: string): void {
  let owner: { readonly uid: number; readonly gid: number };
  try {
    owner = statSync(stateDir);
  } catch (error) {
    // Not there yet: the command makes it. Where a service is to use it, systemd-tmpfiles makes it first.
    if (osErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  if (process.getuid?.() !== 0 || owner.uid === 0) return;
  process.setgroups?.([]);
  process.setgid?.(owner.gid);
  process.setuid?.(owner.uid);
}
