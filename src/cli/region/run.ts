// `rackboot region run`: runs a region apart from its racks until a signal ends it;
// `rackboot region check` checks its configuration file.

import { formatProblems, readConfigFile, readConfigText } from '../../config/config-file.ts';
import { findCertificateProblems } from '../../config/host-check.ts';
import type { ConfigProblem } from '../../config/rack-config.ts';
import { resolveRegionFile, type UsableRegionFile } from '../../config/region-file.ts';
import { REGION_STATE_DIR } from '../../config/state-dir.ts';
import { isRunByPerson } from '../../files/ownership.ts';
import { shellWord } from '../../ground/clean-text.ts';
import { RackError } from '../../ground/errors.ts';
import { NO_SETTINGS } from '../../machines/settings.ts';
import { checkStore } from '../../region-host/open-store.ts';
import { startRegionProcess } from '../../region-host/region-process.ts';
import { findUncreatable } from '../../store/database-file.ts';
import { closedLines, closedListeners } from '../terminal/closed-listeners.ts';
import { print, printError, printJson } from '../terminal/output.ts';
import { becomeServiceUser } from '../terminal/state-owner.ts';
import { runUntilStopped } from '../terminal/until-stopped.ts';

/** @returns 0, or 1 if it could not serve */
export const runRegion = (configFile: string): Promise<number> =>
  runUntilStopped(configFile, { kind: 'region', start: startRegionProcess });

/**
 * Lists every problem of a region's configuration file.
 * @param isDifference true for `--diff` @returns 0 if there is none, else 1 @throws RackError `bad-argument`
 */
export async function checkRegionFile(file: string, json: boolean, isDifference: boolean): Promise<number> {
  if (isDifference)
    throw new RackError(
      'bad-argument',
      `--diff compares only the file of a rack; \`rackboot config show --config ${shellWord(file)}\` shows the values in force`,
    );
  const read = readConfigFile(readConfigText(file, 'region'));
  const parsed = read.ok ? resolveRegionFile(read.file, NO_SETTINGS) : read;
  // Before this process switches users: only root sees which process holds a port.
  const closed = parsed.ok ? await closedListeners(parsed.config.stateDir, parsed.config) : [];
  // Also before: perhaps only root may read it.
  const { findSourcesProblems } = await import('../../config/image-sources.ts');
  const ofSources = findSourcesProblems(file);
  const { problems: others, unasked }: FileCheck = parsed.ok ? await findFileProblems(parsed) : parsed;
  const problems = [...others, ...ofSources];
  const notes = unasked === undefined ? [] : [`${unasked}. ${UNASKED}`];
  if (json) printJson({ file, ok: problems.length === 0, problems, warnings: closed.map(({ text }) => text), notes });
  else if (problems.length > 0) printError(formatProblems(file, problems));
  else if (parsed.ok) {
    const { listen, tls } = parsed.config.region;
    const places = [...listen, ...(tls?.listen ?? [])].map(({ host, port }) => `${host}:${port}`);
    print(`${file} is fine: the region serves ${places.join(', ')}, on ${KINDS[parsed.config.store.kind]}.`);
    for (const line of closedLines(closed)) print(line);
    for (const note of notes) print(`Note    ${note}`);
  }
  return problems.length === 0 ? 0 : 1;
}

const UNASKED = 'As long as this lasts, a start of the region ends; an interrupted copy was not looked for';

interface FileCheck {
  readonly problems: readonly ConfigProblem[];
  readonly unasked?: string | undefined;
}

/**
 * The problems of the files that the configuration names, and of the store, for the user that runs
 * the region.
 */
async function findFileProblems({ config, file }: UsableRegionFile): Promise<FileCheck> {
  // Perhaps only root may read the files of the driver.
  if (config.store.kind === 'postgresql') await import('../../store/postgres/region-postgres.ts');
  // The service runs as another user, whose rights this one cannot judge.
  const isOther = isRunByPerson();
  becomeServiceUser(config.stateDir);
  const directory = isOther || config.stateDir === REGION_STATE_DIR ? undefined : findUncreatable(config.stateDir);
  const missing: readonly ConfigProblem[] =
    directory === undefined
      ? []
      : [{ path: 'state_dir', line: file.findLine(['state_dir']), message: directory.message }];
  const { problems, unreachableReason: unasked } = await checkStore(config, file.findLine);
  return { problems: [...missing, ...findCertificateProblems(config), ...problems], unasked };
}

const KINDS = { sqlite: 'region.db in its state directory', postgresql: 'PostgreSQL' } as const;
