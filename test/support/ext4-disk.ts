// Looks into an ext4 file system without mounting it: in a file of its own, or in a disk's image, where it begins at `offset` bytes.

import { execFileSync } from 'node:child_process';

function ask(program: string, words: readonly string[], disk: string, offset: number): string {
  const place = offset === 0 ? disk : `${disk}?offset=${offset}`;
  return execFileSync(program, [...words, place], { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' });
}

/** The text of a file in it; empty if there is none. */
export const ext4File = (disk: string, path: string, offset = 0): string =>
  ask('debugfs', ['-R', `cat ${path}`], disk, offset);

/** Its superblock, as dumpe2fs(8) prints it. */
export const ext4Facts = (disk: string, offset = 0): string => ask('dumpe2fs', ['-h'], disk, offset);

/** Its size in bytes. */
export function ext4Bytes(disk: string, offset = 0): number {
  const facts = ext4Facts(disk, offset);
  const value = (name: string): number => Number(new RegExp(`^${name}: *(\\d+)$`, 'm').exec(facts)?.[1]);
  return value('Block count') * value('Block size');
}
