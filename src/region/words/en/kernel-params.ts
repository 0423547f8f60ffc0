// Why kernel arguments are refused, in words that hold for the file, the API and the page.

import type { KernelParamsRefusal } from '../../../boot/kernel-line.ts';
import { KERNEL_PARAMS_BYTES_MAX } from '../../../boot/quotable.ts';

export const kernelParamsText = (refusal: KernelParamsRefusal): string =>
  `not every loader accepts this (${refusal}): no control characters, no ' \\ or ||, no word that begins with # or contains \${, ` +
  `at most ${KERNEL_PARAMS_BYTES_MAX} bytes`;
