// What pxelinux and GRUB cannot do. iPXE can, so they start it where the tree has it; it asks
// again, and the rack answers in its language. U-Boot starts no iPXE.
//
// Sources: syslinux wiki "PXELINUX" and "MEMDISK"; GRUB manual 2.06 §16; iPXE's command reference;
// U-Boot's doc/README.pxe; boots of Debian's packages in QEMU.

import { unreachable } from '../ground/errors.ts';
import { isUrl, type LoaderLanguage } from './paths.ts';
import type { BootStep, Decision, MenuEntry, RenderPlace } from './step.ts';

/** Holds an image in memory, for BIOS. */
export const MEMDISK = 'memdisk';
/** memdisk's arguments: `raw` moves the data without the BIOS, which some do wrongly. */
export const memdiskWords = (form: 'iso' | 'disk' | 'efi'): string => (form === 'iso' ? 'iso raw' : 'raw');

/** iPXE, as another loader starts it, for BIOS and for UEFI by architecture. */
export const IPXE_BIOS = 'ipxe.lkrn';
export const IPXE_UEFI = { amd64: 'ipxe.efi', arm64: 'ipxe-arm64.efi' } as const;
const ipxeForUefi = (architecture = 'amd64'): string | undefined =>
  architecture === 'amd64' || architecture === 'arm64' ? IPXE_UEFI[architecture] : undefined;

/**
 * The decision as this loader can carry it out: its own step, iPXE in its place, or the reason why
 * neither.
 */
export function fitToLoader(decision: Decision, language: LoaderLanguage, place: RenderPlace): Decision {
  const { step } = decision;
  if (step.kind === 'chain') return decision;
  if (step.kind === 'menu') {
    const [first, ...others] = step.entries;
    if (first === undefined) return decision;
    const normal = fit(first.step, language, place);
    // A choice that can only say why it fails is none.
    const entries = others.flatMap((entry) => {
      const fitted = fit(entry.step, language, place);
      return fitted.kind === 'explain' ? [] : [{ ...entry, step: fitted }];
    });
    return { ...decision, step: { ...step, entries: [{ ...first, step: normal }, ...entries] } };
  }
  const fitted = fit(step, language, place);
  const isStopped = fitted.kind === 'explain' && step.kind !== 'explain';
  return { ...decision, step: fitted, ...(isStopped ? { purpose: 'loader-cannot' } : {}) };
}

function fit(step: MenuEntry['step'], language: LoaderLanguage, place: RenderPlace): MenuEntry['step'] {
  const limit = findExceededLimit(step, language, place);
  if (limit === undefined) return step;
  if (limit !== 'loader') return { kind: 'explain', lines: BEYOND_IPXE[limit] };
  const file = language === 'pxelinux' ? IPXE_BIOS : ipxeForUefi(place.architecture);
  if (file === undefined) return { kind: 'explain', lines: BEYOND_IPXE.processor };
  if (place.hasFile(file)) return { kind: 'ipxe', file };
  return {
    kind: 'explain',
    lines: [
      `${language} cannot start this, but iPXE can.`,
      `Put ${file} into the boot tree: sudo rackboot images build`,
    ],
  };
}

/** What no iPXE helps against, and what to do. */
const BEYOND_IPXE = {
  firmware: ['this is a program for UEFI, and this machine started by BIOS.', 'Set its firmware to UEFI.'],
  'u-boot': [
    'U-Boot, and firmware like it, starts only a kernel of the boot tree with at most one initrd.',
    'Give this machine another profile, or start it by UEFI.',
  ],
  processor: [
    'GRUB cannot start this, and there is no iPXE for this processor.',
    'Give this machine another profile, or name its architecture in this one.',
  ],
} as const;

/** `loader`: iPXE can do it. */
function findExceededLimit(
  step: BootStep,
  language: LoaderLanguage,
  { hasFile, isUBoot }: RenderPlace,
): 'loader' | 'firmware' | 'u-boot' | undefined {
  if (language === 'ipxe') return undefined;
  if (isUBoot) return isForUBoot(step) ? undefined : 'u-boot';
  // lpxelinux knows no HTTPS, and Debian's signed GRUB has no HTTP at all.
  const isFar = language === 'grub' ? isUrl : (file: string): boolean => file.startsWith('https:');
  switch (step.kind) {
    case 'kernel': {
      const isBeyond = isFar(step.kernel) || step.initrds.some(({ file, name }) => name !== undefined || isFar(file));
      return isBeyond ? 'loader' : undefined;
    }
    case 'image':
      if (step.form === 'efi') return language === 'pxelinux' ? 'firmware' : isFar(step.file) ? 'loader' : undefined;
      return language === 'grub' || !hasFile(MEMDISK) || isFar(step.file) ? 'loader' : undefined;
    case 'script':
      return 'loader';
    case 'local':
    case 'poweroff':
    case 'explain':
    case 'ipxe':
    case 'menu':
    case 'chain':
      return undefined;
    default:
      return unreachable(step);
  }
}

/**
 * True for a step that U-Boot can carry out. U-Boot loads only by TFTP, takes a list of initrds for
 * one name, and tries to start memdisk or iPXE as a kernel.
 */
function isForUBoot(step: BootStep): boolean {
  if (step.kind === 'image' || step.kind === 'script') return false;
  if (step.kind !== 'kernel') return true;
  const { kernel, initrds } = step;
  return !isUrl(kernel) && initrds.length <= 1 && initrds.every(({ file, name }) => name === undefined && !isUrl(file));
}
