// `rackboot check`: lists every problem of a configuration file, in the file itself and on this
// host; `--diff` shows what it would change in the running daemon.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findAbsentLoaders } from '../../config/absent-loaders.ts';
import { findBootStops } from '../../config/boot-stops.ts';
import { formatProblems, readConfigText } from '../../config/config-file.ts';
import { compareConfigs, computeEffects, formatChange } from '../../config/difference.ts';
import { locateProblem } from '../../config/file-problems.ts';
import {
  findAuthorityProblems,
  findCertificateProblems,
  findHostOverlaps,
  readHostAddresses,
} from '../../config/host-check.ts';
import { findSiteSourcesFile, findSourcesProblems } from '../../config/image-sources.ts';
import { parseConfig } from '../../config/load.ts';
import { listPinnedKeys, mergeSettings } from '../../config/merge.ts';
import { findOpenListeners, listConfigNotes } from '../../config/notes.ts';
import type { ConfigProblem, RackConfig } from '../../config/rack-config.ts';
import { findRecordFaults } from '../../config/record-faults.ts';
import type { ParsedConfig, UsableConfig } from '../../config/resolve-file.ts';
import { judgeInterfaces } from '../../daemon/rack/interface-states.ts';
import { readCertificatePair } from '../../files/certificate.ts';
import { formatIpv4, formatNetwork } from '../../ground/address.ts';
import { findSetting, type Settings } from '../../machines/settings.ts';
import { readHostInterfaces } from '../../net/present-interfaces.ts';
import { noteText } from '../../region/reports/notes.ts';
import { findCopyProblems } from '../../region-host/copy-problems.ts';
import { REGION_FILE } from '../../store/region/region-schema.ts';
import { desiredStateFile, desiredStateTime } from '../../uplink/desired-state-cache.ts';
import { runningLeases, strandedLines } from '../leases/stranded.ts';
import { closedLines, closedListeners } from '../terminal/closed-listeners.ts';
import { askConfig, cachedSettings, hiddenStoreText } from '../terminal/config-in-force.ts';
import { judgeConfiguredTree } from '../terminal/judged-tree.ts';
import { print, printError, printJson } from '../terminal/output.ts';
import { runAsOwner } from '../terminal/state-owner.ts';

/**
 * Checks a file together with the cached settings of the store. @returns 0 if this host can serve
 * all of it, else 1
 */
export async function checkFile(file: string, json: boolean): Promise<number> {
  const parsed = parseMerged(file);
  const tree = parsed.ok ? await judgeConfiguredTree(parsed.config) : undefined;
  const uncheckedReason = parsed.ok ? describeUncheckedStore(parsed.config) : undefined;
  const problems = [
    ...findConfigProblems(parsed),
    ...(parsed.ok && isEmptyFile(parsed) ? [EMPTY_FILE] : []),
    ...(tree?.isFault === true ? [{ path: 'boot.tree', line: undefined, message: tree.text }] : []),
    ...findSourcesProblems(file),
  ];
  const records = parsed.ok ? findRecordFaults(parsed.config) : undefined;
  const warningLines = parsed.ok
    ? [
        ...findOpenListeners(parsed.config).map(noteText),
        ...(records?.namelessReservations ?? []),
        ...[
          ...(records?.takingRecords ?? []),
          ...(records?.circlingRecords ?? []),
          ...(records?.delegatedRecords ?? []),
        ].map(({ index, message }) => `dns.records[${index}]: ${message}`),
        ...findAbsentLoaders(parsed.config.boot),
        ...runAsOwner(parsed.config.stateDir, () => nonRsaKeyLines(parsed.config)),
        ...unservedLines(parsed.config),
      ]
    : [];
  const closed = parsed.ok ? await closedListeners(parsed.config.stateDir, parsed.config) : [];
  const notes = [
    ...(uncheckedReason === undefined ? [] : [`the region's store was not checked: ${uncheckedReason}`]),
    ...(parsed.ok ? listConfigNotes(parsed.config).map(noteText) : []),
    ...(parsed.ok ? findBootStops(parsed.config.boot).map(({ key, message }) => `${key}: ${message}`) : []),
    ...(tree?.isFault === false ? [tree.text] : []),
  ];
  const warnings = [...warningLines, ...closed.map(({ text }) => text)];
  if (json) printJson({ file, ok: problems.length === 0, problems, warnings, notes });
  else if (problems.length > 0) printError(formatProblems(file, problems));
  else if (parsed.ok) {
    const networks = parsed.config.clusterInterfaces.map((entry) => `${entry.name} ${formatNetwork(entry.network)}`);
    const servedText = networks.length === 0 ? 'it serves no network' : networks.join(', ');
    const namedText = networks.length === 0 ? 'it names no network' : networks.join(', ');
    print(
      uncheckedReason === undefined
        ? `${file} is fine: ${servedText}.`
        : `${file} alone is fine: ${namedText}; the store may add to it.`,
    );
    const sources = findSiteSourcesFile(file);
    if (sources !== undefined) print(`${sources} is fine, too.`);
    for (const line of warningLines) print(`Beware  ${line}`);
    for (const line of closedLines(closed)) print(line);
    for (const note of notes) print(`Note    ${note}`);
  }
  return problems.length === 0 ? 0 : 1;
}

/** True for an empty file, which a running rack refuses. */
const isEmptyFile = ({ file }: UsableConfig): boolean => Object.keys(file.values).length === 0;

const EMPTY_FILE: ConfigProblem = {
  path: '',
  line: undefined,
  message:
    'it is empty: it names no rack, no state directory and no network to serve. Next: `sudo rackboot init --force`, which asks for them',
};

/** Why the networks and settings in the region's store are unknown here. */
function describeUncheckedStore({ stateDir, uplink }: RackConfig): string | undefined {
  const isAbsent = uplink.mode === 'embedded' && desiredStateTime(stateDir) === undefined;
  if (isAbsent && existsSync(join(stateDir, REGION_FILE)) && hiddenStoreText(stateDir) === undefined)
    return `the rack writes its copy, ${desiredStateFile(stateDir)}, at its next start`;
  return hiddenStoreText(stateDir);
}

/**
 * Describes networks that are not served yet. The file is not at fault: the rack waits for the
 * missing interface or address.
 */
const unservedLines = ({ clusterInterfaces }: RackConfig): readonly string[] =>
  judgeInterfaces(clusterInterfaces, readHostInterfaces())
    .filter(({ serving }) => !serving)
    .map(({ name, network, reason }) => `${name} ${network} is not served as long as ${reason}`);

/** Describes a key that is not RSA. Seen with EDK2 2022.11 and a key on P-256. */
function nonRsaKeyLines(config: RackConfig): readonly string[] {
  const { tls } = config.http;
  if (tls === undefined || findCertificateProblems(config).length > 0 || readCertificatePair(tls).isRsa) return [];
  return [`the key ${tls.key} is not RSA: firmware such as EDK2 of 2022 then loads nothing by HTTPS`];
}

const findConfigProblems = (parsed: ParsedConfig) =>
  parsed.ok
    ? [
        ...findHostOverlaps(parsed, readHostAddresses()),
        ...runAsOwner(parsed.config.stateDir, () => findCertificateProblems(parsed.config)),
        ...findAuthorityProblems(parsed.config),
        ...findOwnCopyProblems(parsed),
        ...findRecordProblems(parsed),
      ]
    : parsed.problems;

/** Records that the rack would not serve. */
function findRecordProblems({ config, file, stored }: UsableConfig): readonly ConfigProblem[] {
  const merge = mergeSettings(file.values, stored);
  return findRecordFaults(config).omittedRecords.map(({ index, message }) =>
    locateProblem(['dns', 'records', index], message, merge, file),
  );
}

/** The problems of a rack's own region with an interrupted copy. */
const findOwnCopyProblems = ({ config, file }: UsableConfig): readonly ConfigProblem[] =>
  config.uplink.mode === 'embedded' ? findCopyProblems(config.stateDir, file.findLine) : [];

function parseMerged(file: string): ParsedConfig {
  const text = readConfigText(file);
  const fileAlone = parseConfig(text);
  return fileAlone.ok ? parseConfig(text, cachedSettings(fileAlone.config.stateDir)) : fileAlone;
}

/**
 * @param config the running daemon's own file, which says where to reach it
 * @returns 0 if this host can serve it, else 1
 * @throws RackError `not-running`
 */
export async function showDifference(file: string, config: string, json: boolean): Promise<number> {
  const running = await askConfig(config);
  const parsed = parseConfig(readConfigText(file), running.stored);
  const problems = findConfigProblems(parsed);
  if (!parsed.ok || problems.length > 0) {
    if (json) printJson({ file, ok: false, problems });
    else printError(formatProblems(file, problems));
    return 1;
  }
  const changes = compareConfigs(running, parsed);
  const effects = computeEffects(running.config, parsed.config, await runningLeases(running.config.stateDir));
  const stranded = effects.stranded.map(({ address, mac }) => ({ address: formatIpv4(address), mac }));
  if (json) {
    printJson({ file, ok: true, changes, listeners: effects.listeners, stranded });
    return 0;
  }
  if (changes.length === 0) print(`${file} changes nothing that is in force.`);
  for (const change of changes) print(formatChange(change));
  for (const line of effects.listeners) print(`Listener: ${line}`);
  for (const line of strandedLines(effects.stranded, 'the new ranges')) print(line);
  printOverridden(running.stored, parsed.file.values);
  return 0;
}

/** Prints the stored values that the file would override. */
function printOverridden(stored: Settings, values: Settings): void {
  const overriddenKeys = listPinnedKeys(values).filter((key) => findSetting(stored, key) !== undefined);
  for (const key of overriddenKeys) print(`Store: ${key} is also in the store; the file wins`);
}
