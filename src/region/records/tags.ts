// Tags, and the kernel arguments that a machine gets by them.
//
// Sources: MAAS's rule: the arguments of a tag replace the global ones; of several tags the first that has some, in the order of names.
//
// 1. What a machine was given itself replaces those of its tags.
// 2. Arguments that a loader cannot be given are refused where they are stored.

import { checkKernelParams, KERNEL_PARAMS_BYTES_MAX } from '../../boot/quotable.ts';
import type { Machine } from './machine.ts';

export const TAGS_MAX = 1000;
/** Machines named in one change of a tag. */
export const TAGGED_MAX = 10_000;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** True for the name of a tag: letters, digits, `-` and `_`. */
export const isTagName = (name: string): boolean => NAME.test(name);

/** Why kernel arguments are not taken, for a person; undefined: they are. */
export function kernelParamsProblem(text: string): string | undefined {
  const refusal = checkKernelParams(text);
  if (refusal === undefined) return undefined;
  return (
    `These cannot be given to every loader (${refusal}): no control characters, no ' \\ or ||, no word that begins with # or ` +
    `holds \${, at most ${KERNEL_PARAMS_BYTES_MAX} bytes.`
  );
}

/** The kernel arguments of one machine; undefined: the global ones. */
export function kernelParamsOf(machine: Pick<Machine, 'kernelParams' | 'tags'>): string | undefined {
  if (machine.kernelParams !== undefined && machine.kernelParams !== '') return machine.kernelParams;
  return machine.tags.find(({ kernelParams }) => kernelParams !== '')?.kernelParams;
}
