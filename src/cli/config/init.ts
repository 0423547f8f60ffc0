// `rackboot init`: makes a configuration for this host from questions or flags: a file, and the
// network in the store.
//
//   findCandidates ─→ interview (a person) or acceptProposals ─→ the file, then the store ─→ nextSteps
//   --no-interface ──────────────────────────────────────────────┘ without a network: the page, or a command, enables DHCP later
//
// `interview` and `acceptProposals` look for other DHCP servers on the network, and judge the
// answers as `check` does.
//
// 1. `init` writes nothing that `rackboot check` would refuse.
// 2. `init` never chooses the interface of the default route unasked, nor sets up a second DHCP
//    server where one answers: either would disturb every host on the network.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadStateDir } from '../../config/config-file.ts';
import { parseConfig } from '../../config/load.ts';
import { REGION_PORT } from '../../config/region-place.ts';
import { parseRegionUrl } from '../../config/region-url.ts';
import { composeDefaultName } from '../../config/resolve.ts';
import { DEFAULT_STATE_DIR } from '../../config/state-dir.ts';
import { listWantedPorts } from '../../config/wanted-ports.ts';
import { findOwnDocuments } from '../../control/own-documents.ts';
import { findOwnProgram } from '../../control/own-program.ts';
import { formatUnitsToEnable, isUnitInstalled } from '../../control/start-command.ts';
import { judgePorts } from '../../doctor/host-judgement.ts';
import { findOwnUserName } from '../../files/ownership.ts';
import { formatIpv4, formatNetwork } from '../../ground/address.ts';
import { shellWord } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { errorText, osErrorCode, RackError } from '../../ground/errors.ts';
import { nameDocuments } from '../../ground/named-documents.ts';
import { INTERFACES_KEY, interfaceName, listInterfaces, type Settings, withValue } from '../../machines/settings.ts';
import { findOutwardAddress } from '../../net/outward-address.ts';
import { findPortConflicts, isHarmless } from '../../net/ports/taken-ports.ts';
import { RACK_CONFIG } from '../../region/config.ts';
import type { SettingEdit } from '../../region/settings.ts';
import { importLeases } from '../leases/import.ts';
import { missingProgramLines } from '../machines/power-programs.ts';
import { closedLines } from '../terminal/closed-listeners.ts';
import { askConfig, cachedSettings, type FoundConfig } from '../terminal/config-in-force.ts';
import { print } from '../terminal/output.ts';
import { agrees, confirmOnTerminal } from '../terminal/prompt.ts';
import { takeReservations } from './hosts.ts';
import { addFormerServers, findCandidates } from './init-candidates.ts';
import { acceptProposals, askPerson, type Draft, type DraftOptions, judgeAnswers, pickOptions } from './init-draft.ts';
import { findInitFile } from './init-file.ts';
import { buildSettings, domainLines, findFormerDomain, type InitAnswers, renderConfig } from './init-proposal.ts';
import { type Answers, FIELDS } from './init-questions.ts';
import { formatFlag } from './init-words.ts';
import { findLocalServers, type LocalServer, ownPortHolder } from './local-dhcp.ts';
import { findRackNetworks, type NetworkOfRack, networkLosses } from './networks.ts';
import { withStoredSettings } from './settings-store.ts';
import { submitEdits } from './store.ts';

// The end of `rackboot init`: the commands to run next.

interface InitTarget {
  readonly file: string;
  /** True if commands and the service read this file by default. */
  readonly isDefaultFile: boolean;
  readonly tree: string;
  readonly pageUrl: string;
  /** True if no network is configured, and the page is to enable DHCP. */
  readonly hasNoNetwork?: boolean | undefined;
  /** True if the service's unit is installed. */
  readonly hasUnit: boolean;
  readonly isRoot: boolean;
  /** The command that runs this installation here: `rackboot`, or `node bin/rackboot.js`. */
  readonly program: string;
  /** The remote region, and the rack's name there; undefined if the rack has its own region. */
  readonly remote?: { readonly url: string; readonly rack: string } | undefined;
  /** True if the service runs already. */
  readonly isStarted?: boolean;
}

const INSTALL = 'docs/first-machine.md, "Install the rack"';

/** Formats the next commands, each in a line with its purpose. */
export function nextSteps({
  file,
  isDefaultFile,
  tree,
  pageUrl,
  hasNoNetwork,
  hasUnit,
  isRoot,
  program,
  remote,
  isStarted = false,
}: InitTarget): readonly string[] {
  const sudo = isRoot ? 'sudo ' : '';
  const configFlag = isDefaultFile ? '' : ` --config ${file}`;
  const ownCommand = (words: string): string => `${sudo}${program} ${words}${configFlag}`;
  const start =
    hasUnit && isDefaultFile
      ? ([`${sudo}systemctl enable --now ${formatUnitsToEnable()}`, 'starts the service now and at each boot'] as const)
      : ([ownCommand('run'), `starts the rack, until Ctrl-C; as a service: ${INSTALL}`] as const);
  const steps: readonly (readonly [command: string, what: string])[] = [
    [ownCommand('images build'), `builds the files that machines load, in ${tree}`],
    ...(remote === undefined
      ? ([
          [
            ownCommand('createadmin --username admin'),
            `creates the account for ${pageUrl}${hasNoNetwork ? ', which then leads through the setup' : ''}`,
          ],
        ] as const)
      : []),
    ...(isStarted ? [] : [start]),
    ...(remote === undefined
      ? []
      : ([
          [
            `${sudo}rackboot racks accept ${remote.rack}`,
            `on the host of ${remote.url}: lets this rack serve machines`,
          ],
        ] as const)),
    [ownCommand('doctor'), 'then checks the rack as a machine would see it'],
  ];
  const width = Math.max(...steps.map(([command]) => command.length));
  return ['Next:', ...steps.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`)];
}

interface RawInitFlags extends Omit<InitFlags, 'interface' | 'stateDir'> {
  /** False with --no-interface. */
  readonly interface?: string | false | undefined;
  /** The state directory; undefined for the one in the present file, or the default. */
  readonly stateDir?: string | undefined;
}

interface InitFlags extends Answers {
  readonly config: string;
  readonly name?: string | undefined;
  readonly stateDir: string;
  readonly domain: string;
  /** The URL of the remote region; undefined if this rack has its own. */
  readonly region?: string | undefined;
  /** True to accept every proposal without asking. */
  readonly yes: boolean;
  /** True to replace an existing file. */
  readonly force: boolean;
}

/**
 * Writes the configuration and stores the network. @throws RackError `bad-argument`,
 * `already-exists`, `store-unwritable`, `cancelled`
 */
export async function initConfig(rawFlags: RawInitFlags): Promise<number> {
  const { interface: name, config } = rawFlags;
  const { stateDir = existsSync(config) ? loadStateDir(config, true).stateDir : DEFAULT_STATE_DIR } = rawFlags;
  const initFlags = { ...rawFlags, stateDir, interface: undefined };
  return name === false
    ? await initWithoutNetwork(initFlags)
    : await initWithNetwork({ ...initFlags, interface: name });
}

/** @throws RackError as `initConfig` */
async function initWithoutNetwork(given: InitFlags): Promise<number> {
  const unusedFields = FIELDS.filter((field) => field !== 'upstream' && given[field] !== undefined);
  if (unusedFields.length > 0)
    throw new RackError(
      'bad-argument',
      `${unusedFields.map(formatFlag).join(', ')}: --no-interface leaves the networks to the page`,
    );
  const flags = prepareFlags(given);
  refuseUnwritable(flags);
  refuseRegion(flags);
  await confirmReplacement(flags);
  const judged = judgeAnswers({ make: createRenderer(flags) }, { upstream: given.upstream }, undefined);
  if (judged.draft === undefined)
    throw new RackError('bad-argument', judged.mistakes.map(({ text }) => text).join('\n'));
  const target = buildInitTarget(flags, judged.draft.answers);
  const holders = findPortConflicts(listWantedPorts(judged.draft.config), ownPortHolder(flags));
  const offerStart = createServiceOffer(target, mayAsk(flags) && holders.every(isHarmless));
  writeConfig(flags, judged.draft.text);
  if (flags.region === undefined && (flags.force || buildSettings(judged.draft.answers).length > 0))
    await storeNetwork(flags, judged.draft);
  for (const line of closedLines(judgePorts({ absent: [], portHolders: holders }))) print(line);
  for (const line of nextSteps({ ...target, isStarted: await offerStart() })) print(line);
  return 0;
}

const mayAsk = ({ yes }: InitFlags): boolean => !yes && process.stdin.isTTY === true;

/**
 * Creates the question whether the service shall start. It is asked only of a person, and only
 * where `init` can start the service.
 */
const createServiceOffer = (
  { hasUnit, isDefaultFile, isRoot }: InitTarget,
  hasPerson: boolean,
): (() => Promise<boolean>) =>
  hasPerson && hasUnit && isDefaultFile && isRoot ? prepareServiceOffer() : async () => false;

/**
 * Prints which networks `--force` removes, and asks. @throws RackError `cancelled`, `bad-argument`
 * without a terminal and --yes
 */
async function confirmReplacement({ config, stateDir, force, region, yes }: InitFlags): Promise<void> {
  const presentNetworks = force && region === undefined ? findRackNetworks(config, stateDir) : [];
  if (presentNetworks.length === 0) return;
  print('--force removes the networks of this rack, with their reservations and options:');
  for (const line of await networkLosses(presentNetworks, stateDir)) print(`  ${line}`);
  print('To keep them, and serve another one: rackboot networks add INTERFACE');
  if (!yes && process.stdin.isTTY !== true)
    throw new RackError(
      'bad-argument',
      'there is no terminal to ask for confirmation: add --yes to replace the networks above; nothing was changed',
    );
  await confirmOnTerminal('Replace these networks?', yes);
}

/**
 * Offers to add a network on a rack that has some, unless the person asked to replace them.
 * @returns the exit code of `networks add`; undefined if there is no network yet
 */
async function offerAddition(given: InitFlags): Promise<number | undefined> {
  const { config, stateDir, force, region } = given;
  const presentNetworks =
    force || region !== undefined || !existsSync(config) ? [] : findRackNetworks(config, stateDir);
  if (presentNetworks.length === 0 || !mayAsk(given)) return undefined;
  print(`${config} exists, and this rack has ${presentNetworks.map(({ text }) => text).join(', ')}.`);
  if (!(await agrees('Add another network?'))) throw new RackError('cancelled', 'nothing was changed');
  const { addNetwork } = await import('./networks.ts');
  return await addNetwork(given);
}

async function initWithNetwork(given: InitFlags): Promise<number> {
  const additionExitCode = await offerAddition(given);
  if (additionExitCode !== undefined) return additionExitCode;
  const hostNetworks = findCandidates(given.interface);
  const localServers = findLocalServers(
    hostNetworks.map(({ name }) => name),
    ownPortHolder(given),
  );
  const candidates = addFormerServers(hostNetworks, localServers);
  // Check this first: answers that cannot be written would be wasted.
  const flags = prepareFlags(given);
  refuseUnwritable(flags);
  refuseRegion(flags);
  await confirmReplacement(flags);
  const hasPerson = mayAsk(flags);
  const options = { optionAnswers: pickOptions(flags), candidates, make: createRenderer(flags) };
  const drafted = hasPerson ? await askPerson(options) : await acceptProposals(options);
  // Storing may switch to the owner of the state directory; the next steps are for the user who
  // started `init`.
  const target = buildInitTarget(flags, drafted.answers);
  const servers = localServers.filter(({ interfaces }) => interfaces.has(drafted.answers.proposal?.name ?? ''));
  const holders = findPortConflicts(listWantedPorts(drafted.config), ownPortHolder(flags));
  // If another program holds a port, a person must free it before the start.
  const offerStart = createServiceOffer(target, hasPerson && holders.every(isHarmless));
  try {
    writeConfig(flags, drafted.text);
    if (flags.region === undefined) await storeNetwork(flags, drafted);
  } catch (error) {
    if (!hasPerson || !(error instanceof RackError)) throw error;
    const repeatHint = `To give the same answers again: ${formatInitCommand(flags, drafted.answers)}`;
    throw new RackError(error.code, `${error.message}\n${repeatHint}`, { cause: error });
  }
  const wasTakenOver =
    servers.length > 0 && flags.region === undefined && (await offerTakeover(flags, servers, hasPerson));
  for (const line of domainLines(drafted.answers)) print(line);
  for (const server of servers) for (const line of remainingStepLines(server, wasTakenOver)) print(line);
  for (const line of closedLines(judgePorts({ absent: [], portHolders: holders }))) print(line);
  for (const line of nextSteps({ ...target, isStarted: await offerStart() })) print(line);
  // The region runs these programs.
  if (flags.region === undefined) for (const line of missingProgramLines()) print(line);
  return 0;
}

/** Takes over what other DHCP servers on this host gave, if a person wants that. @returns true if it did */
async function offerTakeover(flags: InitFlags, servers: readonly LocalServer[], hasPerson: boolean): Promise<boolean> {
  const amounts = servers.flatMap(({ leaseFiles, reservations }) => [
    ...leaseFiles.map((file) => `the leases in ${file}`),
    ...(reservations.length === 0 ? [] : [counted(reservations.length, 'reservation')]),
  ]);
  if (!hasPerson || amounts.length === 0) return false;
  if (!(await agrees(`Take over ${amounts.join(' and ')}, so that hosts keep their addresses?`))) return false;
  const { config } = flags;
  for (const { reservations, leaseFiles } of servers) {
    const taken = await takeReservations(config, reservations, false);
    for (const line of taken.incomplete) print(`Without    ${line}`);
    for (const line of taken.skipped) print(`Not taken  ${line}`);
    if (reservations.length > 0) print(`${counted(taken.taken.length, 'reservation')} taken over.`);
    if (leaseFiles.length > 0)
      await importLeases({ config, files: leaseFiles, format: undefined, dryRun: false, json: false });
  }
  return true;
}

/**
 * Describes what remains to be done about another server on this host. @param wasTakenOver true if
 * its leases and reservations were taken over
 */
function remainingStepLines({ name, leaseFiles, configFiles }: LocalServer, wasTakenOver: boolean): readonly string[] {
  const stop = `Stop ${name} before the rack starts. Of its options, at most the router and the domain are taken over: \`rackboot config show cluster_interfaces\` shows those of the rack.`;
  const leases = leaseFiles.length === 0 ? [] : [`  rackboot leases import ${leaseFiles.map(shellWord).join(' ')}`];
  if (wasTakenOver)
    return leases.length === 0 ? [stop] : [`${stop} For leases that it gives until then, repeat:`, ...leases];
  const hosts = configFiles.length === 0 ? [] : [`  rackboot hosts import ${configFiles.map(shellWord).join(' ')}`];
  const commands = [...hosts, ...leases];
  return commands.length === 0 ? [stop] : [`${stop} Not taken over, which these commands do:`, ...commands];
}

/**
 * Creates the renderer of a new file. The network is in the store or, with a remote region, in the
 * file.
 */
const createRenderer =
  (flags: InitFlags): DraftOptions['make'] =>
  (answered, proposal) => {
    const { stateDir, domain, region, name = composeDefaultName() } = flags;
    const formerDomain = findFormerDomain(answered, domain, proposal);
    const answers: InitAnswers = { ...answered, name, stateDir, domain, region, proposal, formerDomain };
    const text = renderConfig(answers);
    let stored: Settings = {};
    for (const { key, value } of region === undefined ? buildSettings(answers) : []) {
      if (proposal !== undefined && key.startsWith(`${INTERFACES_KEY}.`))
        stored = { ...stored, [INTERFACES_KEY]: [{ name: proposal.name, ...Object(value) }] };
      else stored = withValue(stored, key, value);
    }
    const prefix = region === undefined ? `${INTERFACES_KEY}.${proposal?.name}.` : `${INTERFACES_KEY}[0].`;
    return { answers, text, parsed: parseConfig(text, stored), prefix };
  };

function refuseRegion({ region }: InitFlags): void {
  if (region === undefined || parseRegionUrl(region) !== undefined) return;
  throw new RackError(
    'bad-argument',
    `--region: expected the URL of a region, such as http://10.20.0.1:5240/MAAS, found "${region}"`,
  );
}

interface PreparedFlags extends InitFlags {
  /**
   * True if the file is from an earlier `init`, and the store has lost its network, as after
   * `reset`. No stored network is replaced.
   */
  readonly rewritesOwnFile: boolean;
}

/**
 * Decides whether the file of an earlier `init` may be written again. Such a file keeps its name.
 */
function prepareFlags(flags: InitFlags): PreparedFlags {
  const { config, stateDir, name, region } = flags;
  if (flags.force || !existsSync(config)) return { ...flags, rewritesOwnFile: false };
  const former = findInitFile(config);
  if (region !== undefined || former?.stateDir !== stateDir || INTERFACES_KEY in cachedSettings(stateDir))
    throw toExistsError(config, undefined, findRackNetworks(config, stateDir));
  return { ...flags, name: name ?? former.name, rewritesOwnFile: true };
}

function refuseUnwritable(flags: InitFlags): void {
  for (const path of [flags.config, flags.stateDir]) {
    const existing = nearestExisting(path);
    try {
      accessSync(existing, constants.W_OK);
    } catch (error) {
      const reason = `${findOwnUserName()} may not write ${existing}`;
      const text = `cannot write ${path}: ${reason}. Run this as root, or name other places with --config and --state-dir`;
      throw new RackError('store-unwritable', text, { cause: error });
    }
  }
}

const nearestExisting = (path: string): string =>
  existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));

function toExistsError(file: string, cause?: unknown, present: readonly NetworkOfRack[] = []): RackError {
  const networksText = present.map(({ text }) => text).join(', ');
  const text =
    present.length === 0
      ? 'edit it, or replace it with --force'
      : `and this rack has ${networksText}. To add a network: rackboot networks add INTERFACE. To remove these and begin anew: --force`;
  return new RackError('already-exists', `${file} exists${present.length === 0 ? '; ' : ', '}${text}`, { cause });
}

/** The service's user reads the file: mode 644, and new directories 755, whatever root's umask. */
function writeConfig(flags: PreparedFlags, text: string): void {
  const mask = process.umask(0o022);
  try {
    mkdirSync(dirname(flags.config), { recursive: true });
    const documentedText = nameDocuments(text, findOwnDocuments(dirname(flags.config)));
    writeFileSync(flags.config, documentedText, {
      flag: flags.force || flags.rewritesOwnFile ? 'w' : 'wx',
      mode: 0o644,
    });
  } catch (error) {
    if (osErrorCode(error) === 'EEXIST') {
      throw toExistsError(flags.config, error);
    }
    throw new RackError('store-unwritable', `cannot write ${flags.config}: ${errorText(error)}`, { cause: error });
  } finally {
    process.umask(mask);
  }
  print(`Wrote ${flags.config}.`);
}

/** Stores a network; with --force it replaces the stored ones. */
async function storeNetwork(flags: PreparedFlags, { answers, values }: Draft): Promise<void> {
  const ownKey = `${INTERFACES_KEY}.${answers.proposal?.name}`;
  const running = flags.force ? await findRunning(flags.config) : undefined;
  if (running === undefined) await storeStopped(flags, { answers, values }, ownKey);
  else {
    // A running daemon would not notice a change made directly in the store.
    const former = listInterfaces(running.stored).map((entry) => `${INTERFACES_KEY}.${interfaceName(entry)}`);
    await submitEdits(running, { config: flags.config }, [...removalEdits(former, ownKey), ...buildSettings(answers)]);
  }
  if (answers.proposal === undefined) return;
  const { name, network } = answers.proposal;
  print(
    `The network ${name} ${formatNetwork(network)} is in the store: \`sudo rackboot config show ${INTERFACES_KEY}\`.`,
  );
}

const removalEdits = (keys: readonly string[], ownKey: string): readonly SettingEdit[] =>
  keys.filter((key) => key !== ownKey).map((key) => ({ key, value: undefined }));

/** The configuration of the daemon that runs on the state directory of this file. */
async function findRunning(file: string): Promise<FoundConfig | undefined> {
  try {
    return await askConfig(file);
  } catch (error) {
    if (error instanceof RackError && error.code === 'not-running') return undefined;
    throw error;
  }
}

async function storeStopped(
  flags: PreparedFlags,
  { answers, values }: Pick<Draft, 'answers' | 'values'>,
  ownKey: string,
): Promise<void> {
  const settingsPlace = { stateDir: flags.stateDir, name: answers.name, file: flags.config, values };
  await withStoredSettings(settingsPlace, async (settings, username) => {
    const stored = settings.list().filter(({ rack }) => rack === settings.findRack('master'));
    const refuse = (why: string): never => {
      throw new RackError('bad-argument', `${flags.config} is written, but the network is not stored: ${why}`);
    };
    // The cache next to the store, by which a repetition is allowed, may be missing or outdated.
    if (flags.rewritesOwnFile && stored.some(({ key }) => key.startsWith(`${INTERFACES_KEY}.`)))
      refuse(
        'the store has a network already. To add one: rackboot networks add INTERFACE. To replace it: rackboot init --force',
      );
    const former = removalEdits(flags.force ? stored.map(({ key }) => key) : [], ownKey);
    const refusal = await settings.change('', [...former, ...buildSettings(answers)], username);
    if (refusal !== undefined) refuse(refusal.text);
  });
}

/** The command that gives the same answers and replaces the stored networks. */
function formatInitCommand(flags: InitFlags, answers: InitAnswers): string {
  const optionValues: readonly (readonly [option: string, value: string | undefined])[] = [
    ['--config', flags.config === RACK_CONFIG ? undefined : flags.config],
    ['--state-dir', flags.stateDir],
    ['--name', flags.name],
    ['--interface', answers.proposal?.name],
    ...FIELDS.filter((field) => field !== 'interface').map((field) => [formatFlag(field), answers[field]] as const),
    ['--domain', answers.domain],
    ['--region', answers.region],
  ];
  const options = optionValues.flatMap(([option, value]) =>
    value === undefined ? [] : [`${option} ${shellWord(value)}`],
  );
  return `rackboot init --force ${options.join(' ')}`;
}

function buildInitTarget({ config, stateDir, region }: InitFlags, { proposal, name }: InitAnswers): InitTarget {
  return {
    remote: region === undefined ? undefined : { url: region, rack: name },
    file: config,
    isDefaultFile: config === RACK_CONFIG,
    tree: join(stateDir, 'boot'),
    pageUrl: `http://${pageHost(proposal)}:${REGION_PORT}/MAAS/`,
    hasNoNetwork: proposal === undefined,
    hasUnit: isUnitInstalled(),
    isRoot: process.geteuid?.() === 0,
    program: findOwnProgram(),
  };
}

function pageHost(proposal: InitAnswers['proposal']): string {
  const address = proposal?.address ?? findOutwardAddress();
  return address === undefined ? 'localhost' : formatIpv4(address);
}

/**
 * Prepares the offer to start the service, while this process still runs as root. Storing the
 * network switches it to the service's user, who may start nothing. Nothing else starts or enables
 * the service. @returns a function that asks the person, and returns true if the service then runs
 */
function prepareServiceOffer(): () => Promise<boolean> {
  const units = formatUnitsToEnable();
  const backup = units.includes('backup') ? ', with a backup each night' : '';
  // The child waits for a line. Without one, it ends with this process.
  const child = spawn('sh', ['-c', `read -r line && exec systemctl enable --now ${units}`], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.unref();
  return async () => {
    if (!(await agrees(`Start the service now and at each boot${backup}?`))) return false;
    child.ref();
    child.stdin.end('\n');
    const [code] = await once(child, 'exit');
    return code === 0;
  };
}
