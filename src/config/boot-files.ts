// What new machines need of the boot tree: an image that they boot for at least one CPU, and a
// loader for it. For the doctor and the rack's report.

import { archFlag, BUILT_CPUS, type Cpu, FIRMWARE_ARCHITECTURES } from '../boot/architectures.ts';
import type { BootConfig } from '../boot/config.ts';
import { describeImage, findImage, type HasFile, type ImageQuery } from '../boot/images.ts';
import { findImported, formatImportedName } from '../boot/imported-images.ts';

interface BootFilesConfig {
  readonly boot: Pick<BootConfig, 'tree' | 'loaders' | 'commissioningRelease' | 'enlistWith'>;
}

const buildImageQuery = ({ boot }: BootFilesConfig, architecture: Cpu): ImageQuery => ({
  architecture,
  subarchitecture: 'generic',
  releases: [boot.commissioningRelease],
  directory: boot.enlistWith === 'installer' ? 'install' : 'commissioning',
});

function hasImage(config: BootFilesConfig, cpu: Cpu, hasFile: HasFile): boolean {
  const { enlistWith } = config.boot;
  const query = buildImageQuery(config, cpu);
  const image = typeof enlistWith === 'object' ? findImported(enlistWith, query, hasFile) : findImage(query, hasFile);
  return image !== undefined;
}

/** The CPUs of new machines for which the tree has an image. */
export const listCpusWithImage = (config: BootFilesConfig, hasFile: HasFile): readonly Cpu[] =>
  BUILT_CPUS.filter((cpu) => hasImage(config, cpu, hasFile));

/** Names the image that new machines with this CPU boot. */
export function describeBootImage(config: BootFilesConfig, cpu: Cpu): string {
  const { enlistWith } = config.boot;
  if (typeof enlistWith === 'object') return `the imported ${formatImportedName(enlistWith)} for ${cpu}`;
  return describeImage(buildImageQuery(config, cpu));
}

interface MissingFiles {
  /** Names the tree and what it lacks. */
  readonly text: string;
  /** The command that puts the missing files there. */
  readonly command: string;
}

/**
 * Why no new machine can boot from the tree; `undefined` if one can.
 * @param flags of the command, with a leading space
 */
export function findMissingFiles(config: BootFilesConfig, hasFile: HasFile, flags = ''): MissingFiles | undefined {
  const { tree, loaders } = config.boot;
  const cpus = listCpusWithImage(config, hasFile);
  if (cpus.length === 0) {
    const text = `${tree} has neither ${describeBootImage(config, 'amd64')}, which new machines boot, nor one for another processor`;
    return { text, command: `sudo rackboot images ${composeImportArguments(config)}${flags}` };
  }
  // Loaders that a person named may be anywhere.
  if (loaders.size > 0) return undefined;
  const architectures = FIRMWARE_ARCHITECTURES.filter(({ cpu }) => cpus.includes(cpu));
  if (architectures.some(({ loader }) => hasFile(loader))) return undefined;
  const names = [...new Set(architectures.map(({ loader }) => loader))];
  const [cpu = 'amd64'] = cpus;
  const text = `${tree} has no loader, neither ${names.join(' nor ')}, which the firmware of new machines loads`;
  return { text, command: `sudo rackboot images build${archFlag(cpu)}${flags}` };
}

function composeImportArguments({ boot: { enlistWith } }: BootFilesConfig): string {
  if (typeof enlistWith === 'object') return `import ${enlistWith.os}/${enlistWith.release} --source maas`;
  return enlistWith === 'installer' ? 'import-installer' : 'build';
}
