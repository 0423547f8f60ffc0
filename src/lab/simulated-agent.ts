// What the agent in a simulated machine does: asks for its job, and does it as far as its region can see. Sans-IO: it yields one request
// after the other and is given each answer; the disk it writes is a word.
//
//   job ─┬─ commission: reports its hardware, runs each script, tells that all is well ─► off
//        ├─ deploy: tells how far the disk is written, then that it is ─► starts again
//        ├─ erase: tells that its disks are erased ─► off
//        ├─ rescue: tells that it is there ─► stays on
//        └─ poweroff, none ─► off
//
// 1. A refusal ends the work; what is no answer at all is tried again by whoever carries the requests.

import type { MachineOutcome } from './machine-actions.ts';

/** One request to the region, through the rack. */
export interface AgentRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly body?: string;
  /** Header fields instead of the token of the boot. */
  readonly fields?: Readonly<Record<string, string>>;
}

export interface AgentAnswer {
  readonly status: number;
  readonly text: string;
}

/** How the work ended: off, started again with the disk as it is now, or with a system that is up. */
export type AgentEnd =
  | { readonly kind: 'off'; readonly outcome: MachineOutcome }
  /** `cloudConfig`: what cloud-init of the system finds on its disk; empty: there is none. */
  | { readonly kind: 'restart'; readonly disk: 'system'; readonly cloudConfig: string }
  | { readonly kind: 'up' };

export type AgentWork = Generator<AgentRequest, AgentEnd, AgentAnswer>;

export interface AgentParts {
  /** Base address of the region as the machine reaches it, ending in `/MAAS`. */
  readonly url: string;
  /** Body of the form by which it reports its hardware. */
  readonly report: string;
  /** The system that it writes has a cloud-init (`simulated-system.ts`). */
  readonly cloudInit: boolean;
  /** Why its check of the memory fails; undefined: every test passes. */
  readonly fault: string | undefined;
}

/** Scripts of one run that are run. */
const SCRIPTS_MAX = 256;
/** The one that finds the fault of a machine that has one. */
const FAULTY_SCRIPT = 'memory';
/** Parts in which it tells that the disk is being written. */
const WRITTEN_PARTS = 10;

class Refused extends Error {}

/** The agent of one boot. */
export function* doJob(parts: AgentParts): AgentWork {
  try {
    const lines = (yield* ask(parts, 'GET', 'job')).split('\n');
    const job = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
    switch (job.job) {
      case 'commission':
        return yield* commission(parts, Number(job.scripts ?? 0));
      case 'deploy':
        return yield* deploy(parts, Number(job.image_bytes ?? 0));
      case 'erase':
        yield* tell(parts, { status: 'OK', stage: 'erased' });
        return done('erase');
      case 'rescue':
        yield* tell(parts, { status: 'OK', stage: 'login' });
        return done('rescue');
      default:
        return done(job.job ?? 'none');
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { kind: 'off', outcome: { kind: 'failed', reason: error.message } };
  }
}

const done = (job: string): AgentEnd => ({ kind: 'off', outcome: { kind: 'worked', job } });

function* commission(parts: AgentParts, scripts: number): AgentWork {
  const reported = yield { method: 'POST', url: `${parts.url}/api/2.0/machines/`, body: parts.report };
  if (reported.status >= 300) throw new Refused(`its report was answered ${reported.status}: ${reported.text}`);
  yield* tell(parts, { status: 'WORKING', stage: 'testing' });
  if (scripts > 0) yield* runScripts(parts);
  if (parts.fault !== undefined) {
    yield* tell(parts, { status: 'FAILED', stage: 'testing', message: parts.fault });
    return done('commission');
  }
  yield* tell(parts, { status: 'OK', stage: 'tested' });
  return done('commission');
}

function* runScripts(parts: AgentParts): Generator<AgentRequest, void, AgentAnswer> {
  const list = (yield* ask(parts, 'GET', 'scripts')).split('\n').filter((line) => line !== '');
  for (const line of list.slice(0, SCRIPTS_MAX)) {
    const [id = '', , , name = ''] = line.split(' ');
    yield* tell(parts, { status: 'WORKING', stage: 'testing', script: name, script_id: id });
    const ended = { script: name, script_id: id, ended: 'exited', ...resultOf(name, parts.fault) };
    yield* tell(parts, { status: 'WORKING', stage: 'testing', ...ended });
  }
}

/** How a script ends, and what it said. */
function resultOf(name: string, fault: string | undefined): Readonly<Record<string, string>> {
  if (fault === undefined || name !== FAULTY_SCRIPT) return { exit_status: '0' };
  return { exit_status: '1', offset: '0', output_base64: Buffer.from(`${fault}\n`).toString('base64') };
}

function* deploy(parts: AgentParts, bytes: number): AgentWork {
  yield* tell(parts, { status: 'WORKING', stage: 'partitioning' });
  for (let part = 1; part <= WRITTEN_PARTS; part += 1) {
    const far = { done_bytes: String(Math.floor((bytes * part) / WRITTEN_PARTS)), total_bytes: String(bytes) };
    yield* tell(parts, { status: 'WORKING', stage: 'writing', ...far });
  }
  const cloudConfig = parts.cloudInit ? yield* personalise(parts) : '';
  yield* tell(parts, { status: 'OK', stage: 'written' });
  return { kind: 'restart', disk: 'system', cloudConfig };
}

function* personalise(parts: AgentParts): Generator<AgentRequest, string, AgentAnswer> {
  yield* tell(parts, { status: 'WORKING', stage: 'personalising' });
  return yield* ask(parts, 'GET', 'cloud-config');
}

function* ask(parts: AgentParts, method: 'GET' | 'POST', name: string, body?: string) {
  const url = `${parts.url}/rackboot/1/${name}`;
  const { status, text }: AgentAnswer = yield body === undefined ? { method, url } : { method, url, body };
  if (status >= 300) throw new Refused(`${name} was answered ${status}: ${text.slice(0, 200)}`);
  return text;
}

const tell = (parts: AgentParts, fields: Readonly<Record<string, string>>) =>
  ask(parts, 'POST', 'signal', new URLSearchParams(fields).toString());
