// Whether the operator's kernel arguments can be given to every machine: asked where they are stored, so that no machine finds
// out at boot.

import { quoteGrub } from './grub.ts';
import { quoteIpxe } from './ipxe.ts';
import { KERNEL_LINE_BYTES_MAX, type KernelParamsRefusal, parseKernelParams } from './kernel-line.ts';
import { quotePxelinux } from './pxelinux.ts';
import { tryRender } from './step.ts';

/** Bytes of a kernel line left to the operator: the rest is for what Rackboot itself says. */
export const KERNEL_PARAMS_BYTES_MAX = KERNEL_LINE_BYTES_MAX - 1023;

/**
 * Checks kernel arguments as written.
 *
 * @returns undefined: every loader can be given them; else why one cannot
 */
export function checkKernelParams(text: string): KernelParamsRefusal | undefined {
  const params = parseKernelParams(text);
  if (!params.ok) return params.refusal;
  if (text.length > KERNEL_PARAMS_BYTES_MAX) return 'too-long';
  for (const quote of [quotePxelinux, quoteGrub, quoteIpxe]) {
    const rendered = tryRender(() => params.words.map(quote));
    if (!rendered.ok) return rendered.refusal;
  }
  return undefined;
}
