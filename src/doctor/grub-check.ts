// Warns about a GRUB in the tree that machines load but that has no network after HTTP boot.

import { formatEfiSuffix } from '../boot/architectures.ts';
import { composeGrubCommand, findOldGrub } from '../config/old-grub.ts';
import type { RackConfig } from '../config/rack-config.ts';
import type { ReportFinding } from './finding.ts';
import { readImages } from './tree-check.ts';

/** Checks the GRUB of each architecture that has images. @param configWords as in `DoctorOptions` */
export function examineGrub(config: Pick<RackConfig, 'boot'>, configWords: string, report: ReportFinding): void {
  for (const cpu of readImages(config).cpus) {
    const oldGrub = findOldGrub(config.boot.tree, `grub${formatEfiSuffix(cpu)}.efi`);
    if (oldGrub === undefined) continue;
    const command = composeGrubCommand(cpu, configWords);
    const consequence = 'which stops at its prompt after HTTP boot and in a network with mode: proxy';
    report(
      `loaders ${cpu}`,
      'note',
      `${oldGrub}, ${consequence}; if you put it there, move it away, then \`${command}\``,
      command,
    );
  }
}
