// Checks, when the operator's kernel arguments are stored, that every loader can pass them on, so
// that no machine fails at boot.

import { quoteGrub } from './grub.ts';
import { quoteIpxe } from './ipxe.ts';
import { KERNEL_LINE_BYTES_MAX, type KernelParamsRefusal, parseKernelParams } from './kernel-line.ts';
import { quotePxelinux } from './pxelinux.ts';
import { tryRender } from './step.ts';

/** The operator's share of a kernel line in bytes; the rest is for Rackboot's own arguments. */
export const KERNEL_PARAMS_BYTES_MAX = KERNEL_LINE_BYTES_MAX - 1023;

/** The same of a profile, whose line has only BOOTIF besides. */
export const PROFILE_ARGUMENTS_BYTES_MAX = KERNEL_LINE_BYTES_MAX - 47;

/** Why kernel arguments are refused; `undefined` if every loader can take them. */
export function refuseKernelParams(
  text: string,
  bytesMax: number = KERNEL_PARAMS_BYTES_MAX,
): KernelParamsRefusal | undefined {
  const params = parseKernelParams(text);
  if (!params.ok) return params.refusal;
  if (text.length > bytesMax) return 'too-long';
  for (const quote of [quotePxelinux, quoteGrub, quoteIpxe]) {
    const rendered = tryRender(() => params.words.map(quote));
    if (!rendered.ok) return rendered.refusal;
  }
  return undefined;
}

export const kernelParamsText = (refusal: KernelParamsRefusal, bytesMax: number = KERNEL_PARAMS_BYTES_MAX): string =>
  `not every loader accepts this (${refusal}): no control characters, no ' \\ or ||, no word that begins with # or contains \${, ` +
  `at most ${bytesMax} bytes`;
