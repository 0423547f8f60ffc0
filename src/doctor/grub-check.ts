// Warns about a GRUB in the tree that machines load but that has no network after HTTP boot.

import { formatEfiSuffix } from '../boot/architectures.ts';
import { findOldGrub, newGrubCommand } from '../config/old-grub.ts';
import type { RackConfig } from '../config/rack-config.ts';
import type { Tell } from './finding.ts';
import { readImages } from './tree-check.ts';

/** Checks the GRUB of each architecture that has images. @param configWords as in `DoctorOptions` */
export function examineGrub(config: Pick<RackConfig, 'boot'>, configWords: string, tell: Tell): void {
  for (const cpu of readImages(config).cpus) {
    const old = findOldGrub(config.boot.tree, `grub${formatEfiSuffix(cpu)}.efi`);
    if (old === undefined) continue;
    const command = newGrubCommand(cpu, configWords);
    const stops = 'which stops at its prompt after HTTP boot and in a network with mode: proxy';
    tell(`loaders ${cpu}`, 'note', `${old}, ${stops}; if you put it there, move it away, then \`${command}\``, command);
  }
}
