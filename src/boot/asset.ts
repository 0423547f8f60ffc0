// Resolves a path that a loader requests, to a file of the tree or text for the machine. The
// servers open and send.
//
//   path ─ parseBootPath ─┬─ nonsense ─────────────────────────────────────────────→ refused
//                         ├─ U-Boot's script ───────────────────────────────────→ rendered: ask for a configuration
//                         ├─ a file ─ hasFile ─────────────────────────────────────→ file, or for a loader in another directory the tree's own
//                         └─ a configuration ─ findNamed ─┬─ by name, unknown ─────→ missing: the loader tries its next name
//                                                         ├─ first name, unknown ──→ rendered: ask again by hardware address
//                                                         ├─ for anybody, unknown ─ decideStep → rendered: enlist
//                                                         └─ known ─────────────── decideStep → rendered for that machine
//
// `grub/grub.cfg` and `ipxe.cfg` do not identify the machine. A machine known by its lease is
// answered at once. For any other the text makes the loader ask again: by hardware address, which
// the rack may not know (another DHCP server gave the lease), then by the default name with the
// loader's CPU, which chooses an enlistment image. pxelinux comes to `default` on its own, and is
// then sent to the name with its CPU.
//
// 1. The path's identity comes first; the peer's lease, then the region's allocation, count only if
//    the path has none. A UUID is trusted only from the holder of that machine's lease, or if the
//    lease is unknown. From another interface it serves only a machine in use that boots from a new
//    card, to start its disk. Where machines share one UUID, none must be installed or powered off
//    in place of another: the foreign one enlists, and the region weighs its other identifiers.
// 2. If a step cannot start, the screen says why. Only an unknown machine gets "not found", because
//    loaders take that as "try the next name".
// 3. Any client can name a MAC address, so no text contains a secret except the boot's token, which
//    only the lease's holder gets (`boot-tokens.ts`), and the request tells something about that
//    holder alone (`origin.ts`).

import type { Ipv4, MacAddress } from '../ground/address.ts';
import { unreachable } from '../ground/errors.ts';
import type { MachineDirectory } from '../machines/directory.ts';
import type { RackMachine } from '../machines/machine.ts';
import type { BootTokenSource } from './boot-tokens.ts';
import type { AssetRefusal } from './boot-words.ts';
import type { BootConfig } from './config.ts';
import { decideStep } from './decision.ts';
import { answersOnPort80, findEndpointFor, formatBaseUrl } from './endpoint.ts';
import { renderGrub } from './grub.ts';
import type { HasFile, RealOf } from './images.ts';
import { renderIpxe } from './ipxe.ts';
import { fitToLoader } from './loader-limits.ts';
import { judgeOrigin, type NamedMachine, type OriginFacts } from './origin.ts';
import { type ConfigIdentity, type LoaderLanguage, parseBootPath, swapUuid } from './paths.ts';
import { namesMachine } from './profile.ts';
import { CPU_CHECK_FILES, isX86, renderPxelinux } from './pxelinux.ts';
import type { BootSigns } from './shown-signs.ts';
import type { BootStep, Decision, RenderedText, RenderPlace } from './step.ts';
import { U_BOOT_SCRIPT, U_BOOT_SCRIPT_NAME } from './u-boot-script.ts';

interface AssetRequest {
  /** Decoded, not normalised. */
  readonly path: string;
  /** The client's address. */
  readonly peer: Ipv4;
  readonly local: Ipv4;
}

/**
 * `mac` in each: who holds the lease of the client's address. No other machine can have sent the
 * request, whatever the request names.
 */
export type BootAsset =
  /** Normalised and relative. */
  | { readonly kind: 'file'; readonly path: string; readonly mac: MacAddress | undefined }
  /** Rendered text; a file of the tree at `path`, the requested name, takes precedence. */
  | {
      readonly kind: 'rendered';
      readonly path: string;
      readonly text: string;
      readonly mac: MacAddress | undefined;
      /** The machine's next step, or why there is none. */
      readonly purpose: string;
      readonly step: BootStep;
      /** The text is for another machine than its client. */
      readonly isForAnother: boolean;
    }
  /** No text is rendered for this name; a file of the tree at `path` still takes precedence. */
  | {
      readonly kind: 'missing';
      readonly path: string;
      readonly reason: AssetRefusal;
      readonly mac: MacAddress | undefined;
    }
  | { readonly kind: 'refused'; readonly reason: AssetRefusal; readonly mac: MacAddress | undefined };

/** What a configuration tells its machine, for the event. */
export const toldBy = ({ purpose, step }: BootAsset & { readonly kind: 'rendered' }) => ({
  purpose,
  ...(step.kind === 'menu' ? { menuSeconds: step.seconds } : {}),
});

/** Synchronous and pure. */
export type ResolveAsset = (request: AssetRequest) => BootAsset;

export interface AssetContext extends OriginFacts {
  readonly config: BootConfig;
  readonly machines: MachineDirectory;
  /** Kernels, initrds and loaders, by relative path. */
  readonly hasFile: HasFile;
  /** `undefined`: imported systems are booted by their names. */
  readonly realOf?: RealOf | undefined;
  /**
   * From a machine's DHCP request: its UUID (RFC 4578 §2.3) in lower case, its CPU, and whether
   * iPXE sent it.
   */
  readonly signsOf?: ((mac: MacAddress) => BootSigns | undefined) | undefined;
  /** `undefined` if configurations get none. */
  readonly tokens?: BootTokenSource | undefined;
}

export function resolveBootAsset(request: AssetRequest, context: AssetContext): BootAsset {
  const mac = context.macOf(request.peer);
  const path = parseBootPath(request.path);
  switch (path.kind) {
    case 'refused':
      return { kind: 'refused', reason: 'path-not-allowed', mac };
    case 'file': {
      if (path.path === U_BOOT_SCRIPT_NAME) return { kind: 'rendered', path: path.path, mac, ...ASK_BY_PXE };
      // Some firmware invents directories.
      const { fallback } = path;
      const elsewhere = fallback !== undefined && !context.hasFile(path.path) && context.hasFile(fallback);
      return { kind: 'file', path: elsewhere ? fallback : path.path, mac };
    }
    case 'config': {
      const named = resolveNamedMachine(path.identity, findByPeer(request.peer, context), context);
      const isGeneral = path.identity.kind === 'default' || path.identity.kind === 'first';
      if (named.machine === undefined && !isGeneral && !hasOwnProfile(path.identity, context)) {
        return { kind: 'missing', path: path.path, reason: 'machine-unknown', mac };
      }
      const isForAnother = judgeOrigin(named, request.peer, context).kind === 'other';
      const rendered = renderFor(path.language, path.identity, named, request, context);
      return { kind: 'rendered', path: path.path, mac, isForAnother, ...rendered };
    }
    default:
      return unreachable(path);
  }
}

const ASK_BY_PXE = { text: U_BOOT_SCRIPT, purpose: 'chain', step: { kind: 'chain' }, isForAnother: false } as const;

/** Finds the machine of an address by a lease of the rack or an allocation of the region. */
function findByPeer(address: Ipv4, context: AssetContext): NamedMachine {
  const mac = context.macOf(address);
  if (mac !== undefined) return { machine: findByMac(mac, context), mac };
  const machine = context.machines.findByAddress(address);
  return { machine, mac: machine?.addresses.find((fixed) => fixed.address === address)?.mac };
}

/** Finds a machine by its UUID in either byte order: loaders and kernels disagree about it. */
function findByUuid(uuid: string, { machines }: AssetContext): RackMachine | undefined {
  return machines.findByUuid(uuid) ?? machines.findByUuid(swapUuid(uuid));
}

/** The machine with this interface; for an unknown interface, the machine in use that sent its UUID. */
function findByMac(mac: MacAddress, context: AssetContext): RackMachine | undefined {
  const own = context.machines.findByMac(mac);
  if (own !== undefined) return own;
  const uuid = context.signsOf?.(mac)?.uuid;
  const alike = uuid === undefined ? undefined : findByUuid(uuid, context);
  return alike?.purpose === 'local' ? alike : undefined;
}

function resolveNamedMachine(identity: ConfigIdentity, peer: NamedMachine, context: AssetContext): NamedMachine {
  switch (identity.kind) {
    case 'mac':
      return { machine: findByMac(identity.mac, context), mac: identity.mac };
    case 'uuid': {
      const machine = findByUuid(identity.uuid, context);
      if (machine === undefined) return { machine, mac: peer.mac };
      // The rack did not give out the address, so it does not know the card: take the boot interface.
      if (peer.mac === undefined) return { machine, mac: machine.macs[0] };
      const isOwn = machine.macs.includes(peer.mac);
      const isOther = !isOwn && context.machines.findByMac(peer.mac) !== undefined;
      return { machine: isOwn || (!isOther && machine.purpose === 'local') ? machine : undefined, mac: peer.mac };
    }
    case 'address':
      return findByPeer(identity.address, context);
    case 'address-prefix':
      return { machine: undefined, mac: peer.mac };
    case 'default':
    case 'first':
      return peer;
    default:
      return unreachable(identity);
  }
}

/** True if a profile names the hardware address in a path: no other path of its loaders is needed, then. */
function hasOwnProfile(identity: ConfigIdentity, { config }: AssetContext): boolean {
  if (identity.kind !== 'mac') return false;
  return (config.profiles ?? []).some(({ machines }) =>
    namesMachine(machines, { machine: undefined, macs: [identity.mac] }),
  );
}

function renderFor(
  language: LoaderLanguage,
  identity: ConfigIdentity,
  named: NamedMachine,
  request: AssetRequest,
  context: AssetContext,
): Pick<BootAsset & { readonly kind: 'rendered' }, 'purpose' | 'text' | 'step'> {
  const { http } = context.config;
  const { machine, mac } = named;
  const endpoint = findEndpointFor(http, request.local);
  const baseUrl = endpoint === undefined ? undefined : formatBaseUrl(endpoint);
  const defaultIdentity = identity.kind === 'default' ? identity : undefined;
  const architecture = architectureFor(defaultIdentity?.architecture, mac, context);
  const signs = mac === undefined ? undefined : context.signsOf?.(mac);
  // iPXE showed the menu before it started this loader.
  const isSecond = language !== 'ipxe' && signs?.isIpxe === true;
  const isUBoot = language === 'pxelinux' && (signs?.isUBoot === true || !isX86(machine?.architecture ?? architecture));
  const isUnsure = language === 'pxelinux' && architecture === undefined && CPU_CHECK_FILES.every(context.hasFile);
  const chains = machine === undefined && (identity.kind === 'first' || isUnsure);
  const decided: Decision = chains
    ? {
        step: { kind: 'chain' },
        purpose: 'chain',
        title: isUnsure ? 'finding out the processor' : 'asking again by hardware address',
      }
    : decideStep(
        {
          machine,
          mac,
          address: request.peer,
          architecture,
          subarchitecture: defaultIdentity?.subarchitecture,
          baseUrl,
          token: context.tokens?.tokenFor({ ...named, peer: request.peer }),
        },
        // U-Boot shows nothing: where the first label fails, it starts the next by itself.
        isSecond || isUBoot ? { ...context, config: { ...context.config, menuSeconds: 0 } } : context,
      );
  const place: RenderPlace = {
    title: decided.title,
    architecture: machine?.architecture ?? architecture,
    baseUrl,
    grubHttp: answersOnPort80(http, request.local) ? request.local : undefined,
    mac,
    isUBoot,
    hasFile: context.hasFile,
  };
  const { step, purpose } = fitToLoader(decided, language, place);
  const rendered = renderIn(language, step, place);
  if (rendered.ok) return { step, purpose, text: rendered.text };

  const lines = [
    `the kernel arguments cannot be written for ${language}: ${rendered.refusal}.`,
    'Correct kernel_params of the rack, or the arguments of this machine or of its profile.',
  ];
  const explanation: BootStep = { kind: 'explain', lines };
  const explained = renderIn(language, explanation, place);
  return { step: explanation, purpose: 'arguments-not-quotable', text: explained.ok ? explained.text : '' };
}

/**
 * @param written in the name that the loader asks for. Quirk: U-Boot calls 64-bit ARM `arm` too;
 * DHCP tells the difference.
 */
function architectureFor(
  written: string | undefined,
  mac: MacAddress | undefined,
  context: AssetContext,
): string | undefined {
  const cpu = mac === undefined ? undefined : context.signsOf?.(mac)?.cpu;
  return written === undefined || (written === 'armhf' && cpu === 'arm64') ? (cpu ?? written) : written;
}

function renderIn(language: LoaderLanguage, step: BootStep, place: RenderPlace): RenderedText {
  switch (language) {
    case 'pxelinux':
      return renderPxelinux(step, place);
    case 'grub':
      return renderGrub(step, place);
    case 'ipxe':
      return renderIpxe(step, place);
    default:
      return unreachable(language);
  }
}
