// Tags, and the kernel arguments that they give their machines.
//
// Source: MAAS's rules. A tag's arguments replace the global ones. Of several tags, the first one
// by name that has arguments counts.
//
// 1. A machine's own arguments replace those of its tags.
// 2. Arguments that not every loader can take are refused when they are stored (`boot/quotable.ts`).

import type { Machine } from './machine.ts';

export const TAGS_MAX = 1000;
/** Machines in one change of a tag. */
export const TAGGED_MAX = 10_000;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** True for a valid tag name: 1 to 64 letters, digits, `-` and `_`. */
export const isTagName = (name: string): boolean => NAME.test(name);

/** `undefined`: the global ones. */
export function combineKernelParams(machine: Pick<Machine, 'kernelParams' | 'tags'>): string | undefined {
  if (machine.kernelParams !== undefined && machine.kernelParams !== '') return machine.kernelParams;
  return machine.tags.find(({ kernelParams }) => kernelParams !== '')?.kernelParams;
}
