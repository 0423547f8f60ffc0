// `rackboot init`: makes a configuration for this host from questions or flags: a file, and the
// network in the store.
//
//   findCandidates ─→ interview (a person) or takeProposals ─→ the file, then the store ─→ nextSteps
//   --no-interface ──────────────────────────────────────────────┘ without a network: the page, or a command, enables DHCP later
//
// Both look for other DHCP servers on the network, and judge the answers as `check` does.
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
import { defaultName } from '../../config/resolve.ts';
import { DEFAULT_STATE_DIR } from '../../config/state-dir.ts';
import { wantedPorts } from '../../config/wanted-ports.ts';
import { ownDocuments } from '../../control/own-documents.ts';
import { ownProgram } from '../../control/own-program.ts';
import { isUnitInstalled, unitsToEnable } from '../../control/start-command.ts';
import { judgePorts } from '../../doctor/host-judgement.ts';
import { ownUserName } from '../../files/ownership.ts';
import { formatIpv4, formatNetwork } from '../../ground/address.ts';
import { shellWord } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { errorText, osErrorCode, RackError } from '../../ground/errors.ts';
import { nameDocuments } from '../../ground/named-documents.ts';
import { INTERFACES_KEY, interfaceName, listInterfaces, type Settings, withValue } from '../../machines/settings.ts';
import { outwardAddress } from '../../net/outward-address.ts';
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
import { findCandidates, withFormer } from './init-candidates.ts';
import { askPerson, type Draft, type DraftOptions, judgeAnswers, pickOptions, takeProposals } from './init-draft.ts';
import { findInitFile } from './init-file.ts';
import { buildSettings, domainLines, findFormerDomain, type InitAnswers, renderConfig } from './init-proposal.ts';
import { type Answers, FIELDS } from './init-questions.ts';
import { formatFlag } from './init-words.ts';
import { findLocalServers, type LocalServer, ownPortHolder } from './local-dhcp.ts';
import { type NetworkOfRack, networkLosses, networksIn } from './networks.ts';
import { withStoredSettings } from './settings-store.ts';
import { submitEdits } from './store.ts';

// The end of `rackboot init`: the commands to run next.

interface InitPlace {
  readonly file: string;
  /** True if commands and the service read this file by default. */
  readonly isDefaultFile: boolean;
  readonly tree: string;
  readonly pageUrl: string;
  /** True if the page is to enable DHCP. */
  readonly isBare?: boolean | undefined;
  /** True if the service's unit is installed. */
  readonly hasUnit: boolean;
  readonly isRoot: boolean;
  /** The command that runs this installation here: `rackboot`, or `node bin/rackboot.js`. */
  readonly program: string;
  /** The remote region, and the rack's name there; undefined: the rack has its own region. */
  readonly remote?: { readonly url: string; readonly rack: string } | undefined;
  /** True if the service runs already. */
  readonly isStarted?: boolean;
}

const INSTALL = 'docs/first-machine.md, "Install the rack"';

/** The lines, each a command and its purpose. */
export function nextSteps({
  file,
  isDefaultFile,
  tree,
  pageUrl,
  isBare,
  hasUnit,
  isRoot,
  program,
  remote,
  isStarted = false,
}: InitPlace): readonly string[] {
  const sudo = isRoot ? 'sudo ' : '';
  const which = isDefaultFile ? '' : ` --config ${file}`;
  const own = (words: string): string => `${sudo}${program} ${words}${which}`;
  const start =
    hasUnit && isDefaultFile
      ? ([`${sudo}systemctl enable --now ${unitsToEnable()}`, 'starts the service now and at each boot'] as const)
      : ([own('run'), `starts the rack, until Ctrl-C; as a service: ${INSTALL}`] as const);
  const steps: readonly (readonly [command: string, what: string])[] = [
    [own('images build'), `builds the files that machines load, in ${tree}`],
    ...(remote === undefined
      ? ([
          [
            own('createadmin --username admin'),
            `creates the account for ${pageUrl}${isBare ? ', which then leads through the setup' : ''}`,
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
    [own('doctor'), 'then checks the rack as a machine would see it'],
  ];
  const width = Math.max(...steps.map(([command]) => command.length));
  return ['Next:', ...steps.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`)];
}

interface GivenFlags extends Omit<InitFlags, 'interface' | 'stateDir'> {
  /** False with --no-interface. */
  readonly interface?: string | false | undefined;
  /** Undefined: that of the present file, or the default. */
  readonly stateDir?: string | undefined;
}

interface InitFlags extends Answers {
  readonly config: string;
  readonly name?: string | undefined;
  readonly stateDir: string;
  readonly domain: string;
  /** URL of the remote region; undefined: this rack has its own. */
  readonly region?: string | undefined;
  /** Accept every proposal without asking. */
  readonly yes: boolean;
  /** Replace an existing file. */
  readonly force: boolean;
}

/**
 * Writes the configuration and stores the network. @throws RackError `bad-argument`,
 * `already-exists`, `store-unwritable`, `cancelled`
 */
export async function initConfig(given: GivenFlags): Promise<number> {
  const { interface: name, config } = given;
  const { stateDir = existsSync(config) ? loadStateDir(config, true).stateDir : DEFAULT_STATE_DIR } = given;
  const rest = { ...given, stateDir, interface: undefined };
  return name === false ? await initBare(rest) : await initWithNetwork({ ...rest, interface: name });
}

/** @throws RackError as `initConfig` */
async function initBare(given: InitFlags): Promise<number> {
  const idle = FIELDS.filter((field) => field !== 'upstream' && given[field] !== undefined);
  if (idle.length > 0)
    throw new RackError(
      'bad-argument',
      `${idle.map(formatFlag).join(', ')}: --no-interface leaves the networks to the page`,
    );
  const flags = repeatOwn(given);
  refuseUnwritable(flags);
  refuseRegion(flags);
  await confirmReplacement(flags);
  const drafted = judgeAnswers({ make: makeWith(flags) }, { upstream: given.upstream }, undefined);
  if (drafted.draft === undefined)
    throw new RackError('bad-argument', drafted.mistakes.map(({ text }) => text).join('\n'));
  const place = findPlace(flags, drafted.draft.answers);
  const holders = findPortConflicts(wantedPorts(drafted.draft.config), ownPortHolder(flags));
  const offer = offerIn(place, isAsked(flags) && holders.every(isHarmless));
  writeConfig(flags, drafted.draft.text);
  if (flags.region === undefined && (flags.force || buildSettings(drafted.draft.answers).length > 0))
    await storeNetwork(flags, drafted.draft);
  for (const line of closedLines(judgePorts({ absent: [], portHolders: holders }))) print(line);
  for (const line of nextSteps({ ...place, isStarted: await offer() })) print(line);
  return 0;
}

const isAsked = ({ yes }: InitFlags): boolean => !yes && process.stdin.isTTY === true;

/** What asks a person whether the service shall start, where init can start it; nobody else is asked. */
const offerIn = ({ hasUnit, isDefaultFile, isRoot }: InitPlace, hasPerson: boolean): (() => Promise<boolean>) =>
  hasPerson && hasUnit && isDefaultFile && isRoot ? prepareServiceOffer() : async () => false;

/**
 * Says which networks `--force` removes, and asks. @throws RackError `cancelled`, `bad-argument`
 * without a terminal and --yes
 */
async function confirmReplacement({ config, stateDir, force, region, yes }: InitFlags): Promise<void> {
  const present = force && region === undefined ? networksIn(config, stateDir) : [];
  if (present.length === 0) return;
  print('--force removes the networks of this rack, with their reservations and options:');
  for (const line of await networkLosses(present, stateDir)) print(`  ${line}`);
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
 * @returns undefined: there is no network yet
 */
async function offerAddition(given: InitFlags): Promise<number | undefined> {
  const { config, stateDir, force, region } = given;
  const present = force || region !== undefined || !existsSync(config) ? [] : networksIn(config, stateDir);
  if (present.length === 0 || !isAsked(given)) return undefined;
  print(`${config} exists, and this rack has ${present.map(({ text }) => text).join(', ')}.`);
  if (!(await agrees('Add another network?'))) throw new RackError('cancelled', 'nothing was changed');
  const { addNetwork } = await import('./networks.ts');
  return await addNetwork(given);
}

async function initWithNetwork(given: InitFlags): Promise<number> {
  const added = await offerAddition(given);
  if (added !== undefined) return added;
  const hostNetworks = findCandidates(given.interface);
  const local = findLocalServers(
    hostNetworks.map(({ name }) => name),
    ownPortHolder(given),
  );
  const candidates = withFormer(hostNetworks, local);
  // Answers that cannot be written would be wasted.
  const flags = repeatOwn(given);
  refuseUnwritable(flags);
  refuseRegion(flags);
  await confirmReplacement(flags);
  const hasPerson = isAsked(flags);
  const options = { given: pickOptions(flags), candidates, make: makeWith(flags) };
  const drafted = hasPerson ? await askPerson(options) : await takeProposals(options);
  // Storing may switch to the owner of the state directory; the next steps are for the user who
  // started `init`.
  const place = findPlace(flags, drafted.answers);
  const servers = local.filter(({ interfaces }) => interfaces.has(drafted.answers.proposal?.name ?? ''));
  const holders = findPortConflicts(wantedPorts(drafted.config), ownPortHolder(flags));
  // A person frees the ports first.
  const offer = offerIn(place, hasPerson && holders.every(isHarmless));
  try {
    writeConfig(flags, drafted.text);
    if (flags.region === undefined) await storeNetwork(flags, drafted);
  } catch (error) {
    if (!hasPerson || !(error instanceof RackError)) throw error;
    const again = `To give the same answers again: ${formatInitCommand(flags, drafted.answers)}`;
    throw new RackError(error.code, `${error.message}\n${again}`, { cause: error });
  }
  const isTaken = servers.length > 0 && flags.region === undefined && (await offerTakeover(flags, servers, hasPerson));
  for (const line of domainLines(drafted.answers)) print(line);
  for (const server of servers) for (const line of leftLines(server, isTaken)) print(line);
  for (const line of closedLines(judgePorts({ absent: [], portHolders: holders }))) print(line);
  for (const line of nextSteps({ ...place, isStarted: await offer() })) print(line);
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
    for (const line of taken.without) print(`Without    ${line}`);
    for (const line of taken.left) print(`Not taken  ${line}`);
    if (reservations.length > 0) print(`${counted(taken.taken.length, 'reservation')} taken over.`);
    if (leaseFiles.length > 0)
      await importLeases({ config, files: leaseFiles, format: undefined, dryRun: false, json: false });
  }
  return true;
}

/**
 * What is left to do about another server on this host. @param isTaken true: its leases and
 * reservations are taken over
 */
function leftLines({ name, leaseFiles, configFiles }: LocalServer, isTaken: boolean): readonly string[] {
  const stop = `Stop ${name} before the rack starts. Of its options, at most the router and the domain are taken over: \`rackboot config show cluster_interfaces\` shows those of the rack.`;
  const leases = leaseFiles.length === 0 ? [] : [`  rackboot leases import ${leaseFiles.map(shellWord).join(' ')}`];
  if (isTaken)
    return leases.length === 0 ? [stop] : [`${stop} For leases that it gives until then, repeat:`, ...leases];
  const hosts = configFiles.length === 0 ? [] : [`  rackboot hosts import ${configFiles.map(shellWord).join(' ')}`];
  const commands = [...hosts, ...leases];
  return commands.length === 0 ? [stop] : [`${stop} Not taken over, which these commands do:`, ...commands];
}

/** A new file, and the network in the store or, with a remote region, in the file. */
const makeWith =
  (flags: InitFlags): DraftOptions['make'] =>
  (taken, proposal) => {
    const { stateDir, domain, region, name = defaultName() } = flags;
    const formerDomain = findFormerDomain(taken, domain, proposal);
    const answers: InitAnswers = { ...taken, name, stateDir, domain, region, proposal, formerDomain };
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

interface Prepared extends InitFlags {
  /**
   * The file is that of an earlier `init`, and the store has lost its network, as after `reset`. No
   * stored network is replaced.
   */
  readonly repeats: boolean;
}

/** The name of a repeated file stays. */
function repeatOwn(flags: InitFlags): Prepared {
  const { config, stateDir, name, region } = flags;
  if (flags.force || !existsSync(config)) return { ...flags, repeats: false };
  const former = findInitFile(config);
  if (region !== undefined || former?.stateDir !== stateDir || INTERFACES_KEY in cachedSettings(stateDir))
    throw existsAlready(config, undefined, networksIn(config, stateDir));
  return { ...flags, name: name ?? former.name, repeats: true };
}

function refuseUnwritable(flags: InitFlags): void {
  for (const place of [flags.config, flags.stateDir]) {
    const existing = nearestExisting(place);
    try {
      accessSync(existing, constants.W_OK);
    } catch (error) {
      const whose = `${ownUserName()} may not write ${existing}`;
      const text = `cannot write ${place}: ${whose}. Run this as root, or name other places with --config and --state-dir`;
      throw new RackError('store-unwritable', text, { cause: error });
    }
  }
}

const nearestExisting = (path: string): string =>
  existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));

function existsAlready(file: string, cause?: unknown, present: readonly NetworkOfRack[] = []): RackError {
  const has = present.map(({ text }) => text).join(', ');
  const text =
    present.length === 0
      ? 'edit it, or replace it with --force'
      : `and this rack has ${has}. To add a network: rackboot networks add INTERFACE. To remove these and begin anew: --force`;
  return new RackError('already-exists', `${file} exists${present.length === 0 ? '; ' : ', '}${text}`, { cause });
}

/** The service's user reads the file: mode 644, and new directories 755, whatever root's umask. */
function writeConfig(flags: Prepared, text: string): void {
  const mask = process.umask(0o022);
  try {
    mkdirSync(dirname(flags.config), { recursive: true });
    const named = nameDocuments(text, ownDocuments(dirname(flags.config)));
    writeFileSync(flags.config, named, { flag: flags.force || flags.repeats ? 'w' : 'wx', mode: 0o644 });
  } catch (error) {
    if (osErrorCode(error) === 'EEXIST') {
      throw existsAlready(flags.config, error);
    }
    throw new RackError('store-unwritable', `cannot write ${flags.config}: ${errorText(error)}`, { cause: error });
  } finally {
    process.umask(mask);
  }
  print(`Wrote ${flags.config}.`);
}

/** Stores a network; with --force it replaces the stored ones. */
async function storeNetwork(flags: Prepared, { answers, values }: Draft): Promise<void> {
  const own = `${INTERFACES_KEY}.${answers.proposal?.name}`;
  const running = flags.force ? await findRunning(flags.config) : undefined;
  if (running === undefined) await storeStopped(flags, { answers, values }, own);
  else {
    // It would not learn of a change behind its back.
    const former = listInterfaces(running.stored).map((entry) => `${INTERFACES_KEY}.${interfaceName(entry)}`);
    await submitEdits(running, { config: flags.config }, [...removals(former, own), ...buildSettings(answers)]);
  }
  if (answers.proposal === undefined) return;
  const { name, network } = answers.proposal;
  print(
    `The network ${name} ${formatNetwork(network)} is in the store: \`sudo rackboot config show ${INTERFACES_KEY}\`.`,
  );
}

const removals = (keys: readonly string[], own: string): readonly SettingEdit[] =>
  keys.filter((key) => key !== own).map((key) => ({ key, value: undefined }));

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
  flags: Prepared,
  { answers, values }: Pick<Draft, 'answers' | 'values'>,
  own: string,
): Promise<void> {
  const place = { stateDir: flags.stateDir, name: answers.name, file: flags.config, values };
  await withStoredSettings(place, async (settings, by) => {
    const stored = settings.list().filter(({ rack }) => rack === settings.findRack('master'));
    const refuse = (why: string): never => {
      throw new RackError('bad-argument', `${flags.config} is written, but the network is not stored: ${why}`);
    };
    // The file next to the store, by which a repetition is allowed, may be missing or old.
    if (flags.repeats && stored.some(({ key }) => key.startsWith(`${INTERFACES_KEY}.`)))
      refuse(
        'the store has a network already. To add one: rackboot networks add INTERFACE. To replace it: rackboot init --force',
      );
    const former = removals(flags.force ? stored.map(({ key }) => key) : [], own);
    const refusal = await settings.change('', [...former, ...buildSettings(answers)], by);
    if (refusal !== undefined) refuse(refusal.text);
  });
}

/** The command that gives the same answers and replaces the stored networks. */
function formatInitCommand(flags: InitFlags, answers: InitAnswers): string {
  const named: readonly (readonly [option: string, value: string | undefined])[] = [
    ['--config', flags.config === RACK_CONFIG ? undefined : flags.config],
    ['--state-dir', flags.stateDir],
    ['--name', flags.name],
    ['--interface', answers.proposal?.name],
    ...FIELDS.filter((field) => field !== 'interface').map((field) => [formatFlag(field), answers[field]] as const),
    ['--domain', answers.domain],
    ['--region', answers.region],
  ];
  const words = named.flatMap(([option, value]) => (value === undefined ? [] : [`${option} ${shellWord(value)}`]));
  return `rackboot init --force ${words.join(' ')}`;
}

function findPlace({ config, stateDir, region }: InitFlags, { proposal, name }: InitAnswers): InitPlace {
  return {
    remote: region === undefined ? undefined : { url: region, rack: name },
    file: config,
    isDefaultFile: config === RACK_CONFIG,
    tree: join(stateDir, 'boot'),
    pageUrl: `http://${pageHost(proposal)}:${REGION_PORT}/MAAS/`,
    isBare: proposal === undefined,
    hasUnit: isUnitInstalled(),
    isRoot: process.geteuid?.() === 0,
    program: ownProgram(),
  };
}

function pageHost(proposal: InitAnswers['proposal']): string {
  const address = proposal?.address ?? outwardAddress();
  return address === undefined ? 'localhost' : formatIpv4(address);
}

/**
 * Prepares the offer to start the service, which nothing else starts or enables, while this process
 * is root's: storing the network makes it the service user's, who may start nothing.
 * @returns asks the person; true if the service runs then
 */
function prepareServiceOffer(): () => Promise<boolean> {
  const units = unitsToEnable();
  const backup = units.includes('backup') ? ', with a backup each night' : '';
  // It waits for a line. Without one it ends with this process.
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
