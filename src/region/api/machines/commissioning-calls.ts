// The parts that operations with a commissioning share: its parameters, its scripts, and the debug
// login that it opens.

import type { z } from 'zod';
import { DEBUG_SECONDS, mayDebug, openDebugLogin, openDebugLoginText, refuseWithoutKey } from '../../life/logins.ts';
import type { Machine } from '../../records/machine.ts';
import type { ScriptKind } from '../../records/script-store.ts';
import { isMeant, runsUnasked } from '../../scripts/script-run.ts';
import {
  type Answer,
  combineOrRefuse,
  isRefusal,
  ONLY_ADMINISTRATORS,
  type Refusal,
  refuse,
  refuseField,
  refuseFor,
} from '../call/answer.ts';
import {
  type ApiCall,
  flagParameter,
  getCallerUsername,
  isFalse,
  isTrue,
  notDoneText,
  optionalList,
  type Passed,
} from '../call/operation.ts';
import { getUserActor } from './machine-calls.ts';

/** Scripts that one request names. */
const NAMES_MAX = 100;

const scriptNames = (text: string) => optionalList(NAMES_MAX, text);
/** The parameter for the testing scripts of a test. */
export const testingScripts = scriptNames(
  'The testing scripts to run, by names or tags; `none` for none. Default: all but destructive ones and those tagged `noauto`.',
);
/** The parameter that opens a debug login with a command. */
export const enableSsh = flagParameter(
  'True: open a debug login, so that your SSH keys can log in for an hour, and the machine stays on if this fails.',
);

/** The parameters of commissioning, which a new machine takes, too. */
export const commissioningFields = {
  commissioning_scripts: scriptNames(
    'The commissioning scripts to run, by names or tags; `none` for none. Default: all but destructive ones and those tagged `noauto`.',
  ),
  testing_scripts: scriptNames('Testing scripts to run after them, by names or tags. Default: none.'),
  enable_ssh: enableSsh,
  skip_networking: flagParameter(
    'True, as always: commissioning keeps the interfaces that people laid out. False is refused if there are any.',
  ),
  skip_storage: flagParameter(
    'True, as always: commissioning keeps the disks that people laid out. False is refused if there are any.',
  ),
  skip_bmc_config: flagParameter(
    'True, as always: commissioning sets up no BMC. False is refused for a machine with `power_type` ipmi.',
  ),
};
type CommissioningFields = Passed<z.ZodObject<typeof commissioningFields>>;

/**
 * The names of the scripts of one kind that names and tags choose; a refusal if a word means none;
 * `undefined` if none are given.
 */
export async function chooseScriptNames(
  { region }: ApiCall,
  kind: ScriptKind,
  input: readonly string[] | undefined,
): Promise<readonly string[] | Refusal | undefined> {
  if (input === undefined || input.length === 0) return undefined;
  if (input.length === 1 && input[0] === 'none') return [];
  const all = await region.store.scripts.listScripts(kind);
  const unknown = input.find((word) => !all.some((script) => isMeant(script, word)));
  const names = all.map(({ name }) => name);
  const tags = [...new Set(all.flatMap((script) => script.tags))];
  if (unknown !== undefined)
    return refuseField(
      `${kind}_scripts`,
      `There is no ${kind} script with the name or tag ${unknown}; the scripts are: ${names.join(', ') || 'none'}${tags.length === 0 ? '' : `; their tags: ${tags.join(', ')}`}.`,
    );
  return all.filter((script) => input.some((word) => isMeant(script, word))).map(({ name }) => name);
}

interface Commissioning {
  readonly scripts: readonly string[] | undefined;
}

/** The scripts of a commissioning that its parameters choose. */
export async function commissioningScripts(
  call: ApiCall,
  input: CommissioningFields,
): Promise<Commissioning | Refusal> {
  const checked = combineOrRefuse(
    await chooseScriptNames(call, 'commissioning', input.commissioning_scripts),
    await chooseScriptNames(call, 'testing', input.testing_scripts),
  );
  if (isRefusal(checked)) return checked;
  const [first, tests = []] = checked;
  if (first === undefined && tests.length === 0) return { scripts: undefined };
  const usual = (await call.region.store.scripts.listScripts('commissioning')).filter(runsUnasked);
  const all = first ?? usual.map(({ name }) => name);
  return { scripts: [...all, ...tests] };
}

const layoutKeptText = (field: 'skip_networking' | 'skip_storage') =>
  `Commissioning keeps what people laid out: omit ${field}, and call ${
    field === 'skip_storage' ? 'restore_storage_configuration' : 'restore_networking_configuration'
  } first.`;

/** The refusals of wishes that commissioning should change what it keeps. */
export function refuseSkips(
  { layout, powerType }: Partial<Pick<Machine, 'layout' | 'powerType'>>,
  input: CommissioningFields,
): readonly (Refusal | undefined)[] {
  return [
    isFalse(input.skip_networking) && layout?.network !== undefined
      ? refuseField('skip_networking', layoutKeptText('skip_networking'))
      : undefined,
    isFalse(input.skip_storage) && layout?.storage !== undefined
      ? refuseField('skip_storage', layoutKeptText('skip_storage'))
      : undefined,
    isFalse(input.skip_bmc_config) && powerType === 'ipmi'
      ? refuseField(
          'skip_bmc_config',
          'Commissioning sets up no BMC: omit skip_bmc_config. The agent makes its user on the BMC when the machine enlists.',
        )
      : undefined,
  ];
}

/** Why `enable_ssh` cannot open a login to this machine; `undefined`: it can, or is not given. */
export async function refuseSsh(
  call: ApiCall,
  machine: Pick<Machine, 'hostname' | 'owner'>,
  text: string | undefined,
): Promise<Refusal | undefined> {
  if (!isTrue(text)) return undefined;
  const { hostname, owner } = machine;
  if (!mayDebug(machine, getUserActor(call))) return refuse('not-owner', openDebugLoginText(hostname, owner));
  const keyless = await refuseWithoutKey(call.region.store, getCallerUsername(call), machine);
  return keyless === undefined ? undefined : refuseFor([keyless]);
}

/**
 * Opens the login for which `enable_ssh` asks, after the command has taken effect. @returns the
 * answer to the command
 */
export async function openSsh(
  call: ApiCall,
  machine: Machine,
  {
    enable_ssh: text,
    comment: why,
  }: { readonly enable_ssh?: string | undefined; readonly comment?: string | undefined },
  answer: Answer,
): Promise<Answer> {
  if (isRefusal(answer) || !isTrue(text)) return answer;
  const refusal = await openDebugLogin(call.region, machine, getUserActor(call, why), DEBUG_SECONDS);
  return refusal === undefined ? answer : refuseFor([refusal]);
}

type AddedFields = CommissioningFields & {
  readonly [Name in 'commission' | 'deployed' | 'is_dpu' | 'hostname' | 'power_type']?: string | undefined;
};
const ONLY_COMMISSIONING = ['commissioning_scripts', 'testing_scripts', 'enable_ssh'] as const;

function refuseDeployed(isAdmin: boolean, isCommissioned: boolean): Refusal | undefined {
  if (!isAdmin) return refuse('not-allowed', ONLY_ADMINISTRATORS);
  if (!isCommissioned) return undefined;
  return refuseField(
    'deployed',
    'Commissioning would restart a machine that runs a system: omit commission, or deployed.',
  );
}

/**
 * How to commission a new machine, `undefined` if not at all, and the refusals of what cannot be
 * followed. As in MAAS, one that an administrator adds is commissioned, unless it is said to be
 * deployed or `commission` is false. A machine's own wish does not count: a person decides.
 */
export async function parseNewCommissioning(
  call: ApiCall,
  input: AddedFields,
): Promise<readonly [Commissioning | Refusal | undefined, ...(readonly (Refusal | undefined)[])]> {
  const { caller } = call;
  if (caller.kind !== 'user') return [undefined];
  const isAsked = isTrue(input.commission);
  if (isAsked && !caller.isAdmin) return [refuse('not-allowed', ONLY_ADMINISTRATORS)];
  const isCommissioned = isAsked || (caller.isAdmin && !isFalse(input.commission) && !isTrue(input.deployed));
  const isGiven = (name: (typeof ONLY_COMMISSIONING)[number]) =>
    name === 'enable_ssh' ? isTrue(input.enable_ssh) : (input[name]?.length ?? 0) > 0;
  const alone = isCommissioned ? [] : ONLY_COMMISSIONING.filter(isGiven);
  return [
    isCommissioned ? await commissioningScripts(call, input) : undefined,
    ...refuseSkips({ powerType: input.power_type ?? '' }, input),
    ...alone.map((field) =>
      refuseField(
        field,
        `A machine that is added takes this only with its commissioning, which an administrator begins: omit ${field}, or commission=false.`,
      ),
    ),
    isTrue(input.is_dpu) ? refuseField('is_dpu', notDoneText('is_dpu')) : undefined,
    isTrue(input.deployed) ? refuseDeployed(caller.isAdmin, isAsked) : undefined,
    isCommissioned ? await refuseSsh(call, { hostname: input.hostname ?? '' }, input.enable_ssh) : undefined,
  ];
}
