// `rackboot doctor`: queries the running rack as a machine would. With --fix-hint it also checks
// the host, and prints what fixes each fault.

import { z } from 'zod';
import type { RackConfig } from '../../config/rack-config.ts';
import { askDaemon, MACHINES_PATH } from '../../control/ask-daemon.ts';
import { formatConfigOption, startCommand } from '../../control/start-command.ts';
import { examine } from '../../doctor/doctor.ts';
import type { Finding } from '../../doctor/finding.ts';
import { type RunningFacts, readHostFacts, readPorts } from '../../doctor/host-facts.ts';
import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { LAB_NAMESPACE } from '../../lab/namespace.ts';
import { readDefaultRouters } from '../../net/default-route.ts';
import { enterNetworkNamespace } from '../../net/linux/network-namespace.ts';
import { findStateHolder } from '../../store/state-lock.ts';
import { isApart } from '../region/status-lines.ts';
import { findConfig } from '../terminal/config-in-force.ts';
import { judgeConfiguredTree } from '../terminal/judged-tree.ts';
import { print, printJson } from '../terminal/output.ts';
import { statusShape } from '../terminal/shapes.ts';

interface DoctorArguments {
  readonly config: string;
  readonly outsideName?: string | undefined;
  readonly fixHint: boolean;
  readonly json: boolean;
}

const runningShape = statusShape.pick({ pid: true, dhcp: true, noted: true, region: true, findings: true });
const NO_RACK = 'this is a region without a rack: use rackboot status here, and rackboot doctor on the host of a rack';
const machinesShape = z.array(z.looseObject({ power_type: z.string() }));

/**
 * Prints each finding as it arrives. @returns 0 if all is well, else 1
 * @throws RackError `bad-argument` on a region without a rack; `permission-denied` if this user may
 * not read the rack's
 *   state or enter its network
 */
export async function runDoctor({ config: file, outsideName, fixHint, json }: DoctorArguments): Promise<number> {
  const findings: Finding[] = [];
  const { config, refused } = await findConfig(file);
  const report = ({ fix, ...rest }: Finding): void => {
    const finding = fixHint && fix !== undefined ? { ...rest, fix } : rest;
    findings.push(finding);
    if (!json) printFinding(finding);
  };
  const { findSourcesProblem } = await import('../../config/image-sources.ts');
  const sources = findSourcesProblem(file);
  if (sources !== undefined) {
    const text = sources.replace(/\n\s*/, ' ').replaceAll(/\n\s*/g, '; ');
    report({ check: 'image sources', ok: false, text, fix: 'rackboot check' });
  }
  const running = await askRunning(config.stateDir);
  if (refused !== undefined && typeof running === 'string') {
    const text = `refused; the last good one stays in force: ${refused.replaceAll('\n', '; ')}`;
    report({ check: 'configuration', ok: false, text, fix: 'rackboot check' });
  }
  if (typeof running !== 'string' && isApart(running.region)) throw new RackError('bad-argument', NO_RACK);
  const place = typeof running === 'string' ? undefined : enterNetwork(running.pid);
  if (place !== undefined) report({ check: 'network', ok: true, isNote: true, text: place });
  const isWell = await examine({
    config,
    publicName: outsideName,
    commands: { start: startWords(file), config: formatConfigOption(file), network: networkWords(file, config) },
    isRunning: running !== 'none',
    isSilent: running === 'silent',
    host: fixHint ? readHostFacts(config, await runningFacts(config.stateDir, running)) : undefined,
    running:
      typeof running === 'string' ? undefined : { findings: running.findings, ranges: running.dhcp?.ranges ?? [] },
    treeProblem: typeof running === 'string' ? await treeFault(config) : undefined,
    gateways: [...readDefaultRouters().values()].flatMap((gateway) => gateway ?? []),
    ports: readPorts(
      config,
      running === 'silent' ? findHolder(config) : typeof running === 'string' ? undefined : running,
    ),
    xid: Buffer.from(systemClock.randomBytes(4)).readUInt32BE(0),
    onFinding: report,
  });
  const healthy = isWell && refused === undefined && sources === undefined;
  if (json) printJson({ healthy, findings });
  else print(healthy ? 'All is well.' : 'Something is wrong: see the lines marked BAD.');
  return healthy ? 0 : 1;
}

async function treeFault(config: RackConfig): Promise<string | undefined> {
  const judged = await judgeConfiguredTree(config);
  return judged?.isFault === true ? judged.text : undefined;
}

/** Finds the process of a daemon that does not say which it is. */
function findHolder({ stateDir }: RackConfig): { readonly pid: number } | undefined {
  const pid = findStateHolder(stateDir);
  return pid === undefined ? undefined : { pid };
}

function networkWords(file: string, { uplink }: RackConfig): string {
  if (uplink.mode === 'remote')
    return `write one into ${file} (cluster_interfaces), or store it on the host of the region`;
  return '`sudo rackboot networks add INTERFACE` adds one';
}

/** How to start the rack; for a unit also the command that shows why it stopped. */
function startWords(file: string): string {
  const start = startCommand(file);
  return start.includes('systemctl') ? `${start}; sudo journalctl -u rackboot -n 20` : start;
}

/**
 * Enters the rack's network namespace: from another one, each of the rack's networks would look
 * dead.
 * @returns where the rack is; undefined: in this command's own namespace
 */
function enterNetwork(pid: number): string | undefined {
  const entry = enterNetworkNamespace(pid);
  if (entry.kind === 'same') return undefined;
  const { name } = entry;
  const owner = name?.startsWith(LAB_NAMESPACE) === true ? ', of a lab' : '';
  const where = `a network namespace of its own${name === undefined ? '' : ` (${name}${owner})`}`;
  if (entry.kind === 'entered')
    return `this rack runs in ${where}: every check below was made there, not in this host's network`;
  const text = `this rack runs in ${where}, which this user may not enter (${entry.reason}): run this command with sudo`;
  throw new RackError('permission-denied', text);
}

function printFinding({ check, ok, isNote, text, fix }: Finding): void {
  print(`${isNote === true ? 'note' : ok ? 'ok  ' : 'BAD '} ${check}: ${text}`);
  for (const line of fix?.split('\n') ?? []) print(`       fix: ${line}`);
}

/** `none`: no rack runs; `silent`: one runs but gave no usable answer. */
async function askRunning(stateDir: string): Promise<z.output<typeof runningShape> | 'none' | 'silent'> {
  try {
    return runningShape.parse(await askDaemon(stateDir, '/status'));
  } catch (error) {
    const isNone =
      error instanceof RackError && error.code === 'not-running' && findStateHolder(stateDir) === undefined;
    return isNone ? 'none' : 'silent';
  }
}

async function runningFacts(
  stateDir: string,
  running: Awaited<ReturnType<typeof askRunning>>,
): Promise<RunningFacts | undefined> {
  return typeof running === 'string' ? undefined : { ...running, powerTypes: await askPowerTypes(stateDir) };
}

/** Undefined: the region does not answer. */
async function askPowerTypes(stateDir: string): Promise<readonly string[] | undefined> {
  try {
    return machinesShape.parse(await askDaemon(stateDir, MACHINES_PATH)).map((machine) => machine.power_type);
  } catch {
    return undefined;
  }
}
