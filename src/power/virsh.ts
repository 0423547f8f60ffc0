// The driver for machines of a libvirt host, here or over SSH with Rackboot's own key or a
// password, by virsh. Sources: libvirt's "Connection URIs" and "Remote support", virsh(1), 9.0.
//
// 1. A URI may only name a host; libvirt's parameters that run a program are refused.
// 2. A host gets one request at a time, each on a connection of its own.
// 3. A machine is named by its name or UUID, not by a number: virsh would take a number for an ID,
//    which changes at each start.
// 4. The boot order is never changed: `virsh define` would rewrite the owner's whole machine.

import { z } from 'zod';
import { errorText, RackError } from '../ground/errors.ts';
import { defineDriver, type OffManner, type PowerDeps, type PowerPort, STEP_MS_MAX } from './driver.ts';
import { outcome, type PowerOutcome } from './outcome.ts';
import { secret } from './parameters.ts';
import { type ProgramEnd, runProgram } from './program.ts';
import { createPasswordConnection } from './ssh-identity.ts';
import { bootsFromNetwork, type HypervisorGuest, judgeVirsh, parseGuests } from './virsh-words.ts';

const schema = z
  .strictObject({
    power_address: z
      .string()
      .max(512)
      .transform((uri, { issues }) => {
        const host = parseHypervisor(uri);
        if (host !== undefined) return host;
        issues.push({ code: 'custom', input: uri });
        return z.NEVER;
      }),
    power_id: z.string().regex(/^(?! *[+-]?\d+$)[^\u0000-\u001f\u007f/]{1,128}$/),
    power_pass: secret(
      z
        .string()
        .regex(/^[^\p{Cc}]{1,128}$/u)
        .optional(),
    ),
  })
  // Only ssh is given a password.
  .refine(({ power_address: host, power_pass: password }) => password === undefined || host.overSsh, {
    path: ['power_pass'],
  });
export type VirshParameter = keyof z.infer<typeof schema>;

/** The driver `virsh`. */
export const virsh = defineDriver({
  name: 'virsh',
  switches: 'on-and-off',
  parameters: schema,
  connect: ({ settings, deps }) => openVirsh(settings, deps),
});

interface Hypervisor {
  /** The URI, normalised and without parameters. */
  readonly address: string;
  readonly overSsh: boolean;
  /** The URI's parameters, all of ALLOWED_PARAMETERS. */
  readonly parameters: readonly (readonly [string, string])[];
}

const URI =
  /^(qemu|xen|test)(?:\+(ssh|tls|unix))?:\/\/(?:([a-zA-Z0-9_][a-zA-Z0-9._-]{0,63})@)?(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9][a-zA-Z0-9.-]{0,252})?(?::(\d{1,5}))?(\/(?:system|session|default)?)?(?:\?(.*))?$/;
/** Parameters that only say where libvirt's daemon listens. */
const ALLOWED_PARAMETERS: Readonly<Record<string, RegExp>> = {
  socket: /^\/[A-Za-z0-9._/+@-]+$/,
  mode: /^(?:auto|direct|legacy)$/,
  proxy: /^(?:auto|native|netcat)$/,
};

/** Undefined if the URI is invalid, or names more than a host. */
export function parseHypervisor(uri: string): Hypervisor | undefined {
  const match = URI.exec(uri.trim());
  if (match === null) return undefined;
  const [, driver = '', transport, user, host, port, path = '', query = ''] = match;
  const isRemote = transport === 'ssh' || transport === 'tls';
  if (isRemote !== (host !== undefined)) return undefined;
  if (!isRemote && (user !== undefined || port !== undefined)) return undefined;
  if (driver === 'test' && path !== '/default') return undefined;
  const parameters = [...new URLSearchParams(query)];
  if (
    parameters.some(
      ([name, value]) => !Object.hasOwn(ALLOWED_PARAMETERS, name) || ALLOWED_PARAMETERS[name]?.test(value) !== true,
    )
  ) {
    return undefined;
  }
  const scheme = transport === undefined ? driver : `${driver}+${transport}`;
  const login = user === undefined ? '' : `${user}@`;
  const authority = `${login}${host?.toLowerCase() ?? ''}${port === undefined ? '' : `:${port}`}`;
  return { address: `${scheme}://${authority}${path}`, overSsh: transport === 'ssh', parameters };
}

/** @param connect the script that replaces ssh */
export function virshUri(host: Hypervisor, connect: string | undefined): string {
  const sshParameters: readonly (readonly [string, string])[] =
    connect === undefined
      ? []
      : [
          ['command', connect],
          ['no_tty', '1'],
        ];
  // Libvirt decodes %20 as a space, but + as a plus sign.
  const query = [...host.parameters, ...sshParameters]
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
  return query === '' ? host.address : `${host.address}?${query}`;
}

async function runVirsh(
  host: Hypervisor,
  command: readonly string[],
  { clock, sshIdentity }: PowerDeps,
  signal: AbortSignal,
  password?: string,
): Promise<ProgramEnd> {
  let sshConnection: { readonly connect: string; readonly forget?: () => void } | undefined;
  try {
    const identity = host.overSsh ? await sshIdentity() : undefined;
    sshConnection =
      identity === undefined || password === undefined ? identity : createPasswordConnection(identity, password);
  } catch (error) {
    const isMissing = error instanceof RackError && error.code === 'tool-missing';
    return isMissing ? { kind: 'missing', program: 'ssh-keygen' } : { kind: 'not-started', said: errorText(error) };
  }
  const uri = virshUri(host, sshConnection?.connect);
  try {
    return await runProgram('virsh', ['-c', uri, ...command], { clock, signal, timeMs: STEP_MS_MAX });
  } finally {
    sshConnection?.forget?.();
  }
}

function openVirsh(settings: z.infer<typeof schema>, deps: PowerDeps): PowerPort {
  const { power_address: host, power_id: guest, power_pass: password } = settings;
  const run = (command: readonly string[], signal: AbortSignal): Promise<ProgramEnd> =>
    runVirsh(host, [...command, `--domain=${guest}`], deps, signal, password);
  const runCommand = async (
    command: string,
    targetState: 'on' | 'off' | undefined,
    signal: AbortSignal,
  ): Promise<PowerOutcome> => judgeVirsh(await run([command], signal), targetState);
  const offCommand = (manner: OffManner): string => (manner === 'soft' ? 'shutdown' : 'destroy');
  return {
    controller: `virsh ${host.address}`,
    on: (signal) => runCommand('start', 'on', signal),
    off: (manner, signal) => runCommand(offCommand(manner), 'off', signal),
    query: (signal) => runCommand('domstate', undefined, signal),
    async netboot(signal) {
      const end = await run(['dumpxml', '--inactive'], signal);
      if (end.kind !== 'ended' || end.code !== 0) return judgeVirsh(end, undefined);
      return bootsFromNetwork(end.out)
        ? outcome('done', { code: 'boots-from-network', params: { guest } })
        : outcome('refused', { code: 'boots-otherwise', params: { guest } });
    },
  };
}

type GuestList =
  | { readonly kind: 'guests'; readonly guests: readonly HypervisorGuest[] }
  | { readonly kind: 'failed'; readonly outcome: PowerOutcome };

export async function listGuests(host: Hypervisor, deps: PowerDeps, signal: AbortSignal): Promise<GuestList> {
  const end = await runVirsh(host, ['list', '--all'], deps, signal);
  if (end.kind === 'ended' && end.code === 0) return { kind: 'guests', guests: parseGuests(end.out) };
  return { kind: 'failed', outcome: judgeVirsh(end, undefined) };
}
