// Why a change of the stored settings is refused.

import type { RefusalTable } from './table.ts';

/** The configuration file in which a key is written: this host's, or that of another rack. */
export type Pin = { readonly kind: 'own'; readonly file: string } | { readonly kind: 'rack'; readonly rack: string };

/** Where a key is written. */
export const pinText = ({ key, pin }: { readonly key: string; readonly pin: Pin }): string =>
  pin.kind === 'own'
    ? `written in ${pin.file} as ${key}`
    : `written in the configuration file of the rack ${pin.rack} as ${key}`;

/** The fault of one key. */
type Problem = { readonly key: string; readonly message: string };
const problemText = ({ key, message }: Problem): string => `${key}: ${message}`;

/** By code. */
export const SETTINGS = {
  'setting-unknown.interfaces': ({ key }: { readonly key: string }) =>
    `${key}: unknown key; give the name of a network: ${key}.NAME`,
  'setting-unknown.key': ({ key, meant }: { readonly key: string; readonly meant: string | undefined }) =>
    `${key}: unknown key; ${meant === undefined ? '' : `did you mean ${meant}? `}rackboot config show lists all keys`,
  'setting-unknown.interface': ({ key, meant }: { readonly key: string; readonly meant: string }) =>
    `${key}: there is no such network; did you mean ${meant}? To add a network, set all its keys at once: cluster_interfaces.NAME`,
  'setting-unknown.field': ({ key, meant }: { readonly key: string; readonly meant: string | undefined }) =>
    `${key}: unknown key; ${meant === undefined ? 'config/rackboot.yaml explains all keys' : `did you mean ${meant}?`}`,
  'setting-unknown.absent': ({ key, meant }: { readonly key: string; readonly meant: string | undefined }) =>
    `${key}: not in the store, so there is nothing to remove${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  'setting-unknown.rack': ({ key }: { readonly key: string }) =>
    `${key}: this region has no rack of its own; name the network's rack: rackboot config set --rack NAME`,
  'setting-read-only.file': ({ key, file }: { readonly key: string; readonly file: string | undefined }) =>
    `${key} is read-only: only the configuration file can set it${file === undefined ? '' : ` (${file})`}`,
  'setting-read-only.pinned': ({ key, pin }: { readonly key: string; readonly pin: Pin }) =>
    `${key} is read-only: ${pinText({ key, pin })}`,
  'settings-limit': ({ max }: { readonly max: number }) => `the store holds at most ${max} keys: remove some`,
  /** Each `message` is from the rules of configurations. */
  'setting-invalid': ({ problems }: { readonly problems: readonly Problem[] }) => problems.map(problemText).join('\n'),
  'setting-invalid.problem': (problem: Problem) => problemText(problem),
  'setting-invalid.value': ({ message }: { readonly message: string }) => message,
} as const satisfies RefusalTable;
