// Checks the boot tree: that the rack can read it, and that it has the images that new machines boot.
//
// 1. If this user cannot read the tree, the rack may still be able to. That is a note, not a fault.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Cpu } from '../boot/architectures.ts';
import type { BootConfig } from '../boot/config.ts';
import { findMissingFile } from '../boot/profile-step.ts';
import { describeBootImage, findMissingFiles, listCpusWithImage } from '../config/boot-files.ts';
import type { RackConfig } from '../config/rack-config.ts';
import { isOwnershipError } from '../files/ownership.ts';
import { joinNames } from '../ground/counted.ts';
import { RackError } from '../ground/errors.ts';
import { formatPartName, listDamagedParts } from '../images/run/part-check.ts';
import { formatImageName, hasBlob, readImages as readStore } from '../images/store/image-store.ts';
import type { DoctorOptions } from './doctor-options.ts';
import type { ReportFinding } from './finding.ts';
import { judgeTree } from './tree-judgement.ts';

/**
 * Checks the boot tree, unless the running rack, which may be another user, has already reported a
 * problem with it. @returns false if nothing in the tree can be examined
 */
export async function examineTree(
  { config, treeProblem, running }: DoctorOptions,
  report: ReportFinding,
): Promise<boolean> {
  if (running?.findings.some(({ check, isNote }) => check === 'boot tree' && !isNote) === true) return false;
  const judgement =
    treeProblem === undefined ? await judgeTree(config.boot.tree) : { isFault: true, text: treeProblem };
  if (judgement !== undefined)
    report('boot tree', judgement.isFault ? false : 'note', judgement.text, undefined, 'tree');
  return judgement?.isFault !== true;
}

/** The most images that a finding names. */
const NAMED_MAX = 5;

interface TreeImages {
  /** The architectures with an environment in the tree. */
  readonly cpus: readonly Cpu[];
  /** Why no new machine can boot. */
  readonly lack: ReturnType<typeof findMissingFiles>;
  /** False if this user may not read the tree. */
  readonly mayRead: boolean;
}

/** Reads which images that new machines boot are in the tree. */
export function readImages(config: Pick<RackConfig, 'boot'>, flags = ''): TreeImages {
  let mayRead = true;
  const hasFile = (path: string): boolean => {
    const isPresent = isInTree(config.boot.tree, path);
    mayRead &&= isPresent !== undefined;
    return isPresent ?? false;
  };
  return { cpus: listCpusWithImage(config, hasFile), lack: findMissingFiles(config, hasFile, flags), mayRead };
}

/** @returns `undefined` if this user may not read it */
function isInTree(tree: string, path: string): boolean | undefined {
  try {
    return statSync(join(tree, path), { throwIfNoEntry: false })?.isFile() ?? false;
  } catch (error) {
    // A dangling link is not a file.
    return isOwnershipError(error) ? undefined : false;
  }
}

/** Checks that the tree has images for at least one architecture, and a loader for them. */
export function examineImages({ config, commands }: DoctorOptions, report: ReportFinding): void {
  const { tree } = config.boot;
  const { cpus, lack, mayRead } = readImages(config, commands.config);
  for (const cpu of cpus) report(`images ${cpu}`, true, `${describeBootImage(config, cpu)} is in the tree`);
  if (lack === undefined) return;
  if (!mayRead) {
    const text = `this user may not read ${tree}: run this with sudo to see which images it has`;
    report('images', 'note', text, undefined, 'tree');
    return;
  }
  const { text, command } = lack;
  report(cpus.length === 0 ? 'images' : 'loaders', false, `${text}; run \`${command}\``, command, 'tree/images');
}

/**
 * Checks that the tree has the files of the profiles; files that this user may not read count as
 * present.
 */
export function examineProfiles(
  { tree, profiles = [] }: Pick<BootConfig, 'tree' | 'profiles'>,
  report: ReportFinding,
): void {
  for (const profile of profiles) {
    const missing = findMissingFile(profile, (path) => isInTree(tree, path) ?? true);
    const { name } = profile;
    if (missing === undefined) continue;
    const text = `no machine boots it: put ${missing} into ${tree}`;
    report(`profile ${name}`, false, text, undefined, `tree/${missing}`);
  }
}

/**
 * Checks that no bytes of deployable images, installers and boot loaders are missing or damaged.
 * @param configWords as in `DoctorOptions`
 */
export function examineStore(tree: string, configWords: string, report: ReportFinding): void {
  const command = `sudo rackboot images fsck${configWords}`;
  try {
    const { images, problems } = readStore(tree);
    for (const problem of problems) report('image store', false, problem, undefined, `tree/${problem}`);
    const damagedNames = [
      ...images.filter((image) => !hasBlob(tree, image)).map(formatImageName),
      ...listDamagedParts(tree).map(formatPartName),
    ];
    if (damagedNames.length === 0) return;
    const remedy = `\`${command}\` fetches imported images again, and says how to get back others`;
    report(
      'image store',
      false,
      `no machine gets ${joinNames(damagedNames, NAMED_MAX)}, whose bytes are damaged or missing: ${remedy}`,
      command,
      'tree/blobs',
    );
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    report('image store', 'note', error.message, undefined, 'tree');
  }
}
