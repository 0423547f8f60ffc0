// The fields for deploying a machine. Only images and installers that fit the machine are offered;
// without any, the form names the commands that add one.

import { type Html, html, nothing } from '../../../ground/html.ts';
import { formatSize } from '../../../ground/quantity.ts';
import { listDisks } from '../../layout/disks.ts';
import { kernelRank, type ListedImage } from '../../life/deployment.ts';
import type { ListedInstaller } from '../../life/installer.ts';
import type { Machine } from '../../records/machine.ts';
import {
  areaField,
  buildChoice,
  CHOICES_SHOWN_MAX,
  type Choice,
  choiceField,
  radioField,
  textField,
} from '../frame/forms.ts';
import { remedyLink } from '../frame/remedies.ts';
import { fieldValue, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';

const DISKS_MAX = 64;
const SPACE = '\u00a0';

function imagesFor(images: readonly ListedImage[], machine: Machine): readonly ListedImage[] {
  const fitting = images.filter(
    ({ architecture, subarchitecture }) =>
      architecture === machine.architecture && ['generic', machine.subarchitecture].includes(subarchitecture),
  );
  const byName = new Map(fitting.toReversed().map((image) => [`${image.os}/${image.release}`, image]));
  return [...byName.values()].reverse();
}

const formatImageTitle = ({ os, release, title, diskBytes }: ListedImage) =>
  `${title === '' ? `${os}/${release}` : title}${diskBytes === undefined ? '' : words.deploy.fills(formatSize(diskBytes))}`;

function diskChoices(machine: Machine): readonly Choice[] {
  const disks = listDisks(machine).slice(0, DISKS_MAX);
  const isLong = disks.length >= CHOICES_SHOWN_MAX;
  const named = disks.map(({ facts: { name, bytes, model } }): Choice => {
    const size = `${name} · ${formatSize(bytes)}`;
    return [name, isLong || model === '' ? size : `${size} · ${model}`];
  });
  return [['', words.deploy.disk.chosen], ...named];
}

function kernelChoices(images: readonly ListedImage[], { architecture }: Machine): readonly Choice[] {
  const bySystem = new Map<string, Set<string>>();
  for (const { os, release, system, subarchitecture, ...image } of images) {
    if (image.architecture !== architecture || system === undefined) continue;
    const kernels = bySystem.get(`${os}/${release}`) ?? new Set();
    bySystem.set(`${os}/${release}`, kernels.add(system.subarch ?? subarchitecture));
  }
  return [...bySystem].flatMap(([name, kernels]) =>
    kernels.size < 2
      ? []
      : [...kernels]
          .toSorted(byAge)
          .map((kernel): Choice => [kernel, `${kernel} · ${name.slice(name.indexOf('/') + 1)}`]),
  );
}

const byAge = (left: string, right: string) => (kernelRank(left) ?? 0) - (kernelRank(right) ?? 0);

function kernelField(view: View, images: readonly ListedImage[], machine: Machine) {
  const choices = kernelChoices(images, machine);
  if (choices.length === 0) return nothing;
  const { label, hint, usual } = words.deploy.kernel;
  const field = choiceField(view, {
    name: 'hwe_kernel',
    label,
    hint,
    value: machine.kernel ?? '',
    choices: [['', usual], ...choices],
  });
  return html`<div class="imaged">${field}</div>`;
}

/**
 * @param isOfMany true for a machine that stands for several, which cannot have the same address,
 * and may have different disks
 */
export async function deployFields(view: View, machine: Machine, isOfMany = false): Promise<Html> {
  const all = (await view.region.images?.()) ?? [];
  const images = imagesFor(all, machine);
  const systems = images.map((image): Choice => [`${image.os}/${image.release}`, formatImageTitle(image)]);
  const chosen = machine.release === '' ? (systems[0]?.[0] ?? '') : `${machine.osystem}/${machine.release}`;
  const noImage =
    systems.length > 0
      ? nothing
      : html`<div class="alert amber">${words.deploy.noImage(machine.architecture)}${chooseLink(view)}</div>`;
  return html`${[
    await keyWarning(view, machine),
    noImage,
    systems.length > 0
      ? choiceField(view, { name: 'distro_series', label: words.deploy.system, value: chosen, choices: systems })
      : textField(view, {
          name: 'distro_series',
          label: words.deploy.system,
          placeholder: 'debian/trixie',
          value: chosen,
        }),
    kernelField(view, all, machine),
    methodField(view, machine, systems.length > 0),
    isOfMany ? nothing : diskField(view, machine),
    isOfMany ? nothing : addressField(view),
    areaField(view, { name: 'user_data', ...words.deploy.userData, rows: 6 }),
  ]}`;
}

const diskField = (view: View, machine: Machine) =>
  choiceField(view, {
    name: 'disk',
    label: words.deploy.disk.label,
    value: '',
    choices: diskChoices(machine),
    hint: words.deploy.disk.hint,
  });

export const addressField = (view: View): Html =>
  textField(view, { name: 'ip_address', ...words.deploy.address, charactersMax: 15 });

function methodField(view: View, machine: Machine, hasImages: boolean) {
  const installers = view.region.installers?.(machine);
  const image = buildChoice('image', words.deploy.image);
  const installer = buildChoice('installer', words.deploy.installer);
  const isOffered = installers === undefined || installers.length > 0;
  const way = radioField(view, {
    name: 'deploy_by',
    label: words.deploy.method,
    value: hasImages || installers === undefined || installers.length === 0 ? 'image' : 'installer',
    choices: isOffered ? [image, installer] : [image],
    hint: isOffered ? undefined : html`${noInstaller(machine)}${chooseLink(view)}`,
  });
  return isOffered ? html`${way}<div class="installed">${installedField(view, machine, installers)}</div>` : way;
}

/** The page's own way to an image or an installer, for those who may import one. */
const chooseLink = (view: View) => remedyLink({ ...view, refusedAs: 'image-missing' });

const noInstaller = ({ architecture }: Machine) => {
  const command = `rackboot images import-installer${architecture === 'amd64' ? '' : ` --arch ${architecture}`}`;
  return words.deploy.noInstaller(command);
};

function installedField(view: View, { release }: Machine, installers: readonly ListedInstaller[] | undefined) {
  const { label, hint } = words.deploy.installed;
  const control = { name: 'installed_series', label };
  if (installers !== undefined) {
    const nameOf = ({ os, release: own }: ListedInstaller) => (os === undefined ? own : `${os}/${own}`);
    const chosen = installers.find((installer) => installer.release === release) ?? installers[0];
    const value = chosen === undefined ? undefined : nameOf(chosen);
    return choiceField(view, {
      ...control,
      value,
      choices: installers.map((installer): Choice => [nameOf(installer), installer.title]),
    });
  }
  return textField(view, { ...control, placeholder: 'debian/bookworm', hint, charactersMax: 128 });
}

async function keyWarning(view: View, machine: Machine) {
  const owner = machine.owner ?? view.viewer.username;
  if ((await view.region.store.life.listSshKeys(owner)).length > 0) return nothing;
  const isYours = owner === view.viewer.username;
  return html`<div class="alert amber">${words.deploy.noKey(isYours, owner, SPACE)}</div>`;
}

/** The form's values as parameters of the operation. */
export function deployValues(view: View): Record<string, string | undefined> {
  const userData = fieldValue(view, 'user_data').replaceAll('\r\n', '\n').replace(/^\n/, '');
  const isInstalled = fieldValue(view, 'deploy_by') === 'installer';
  const installed = isInstalled ? fieldValue(view, 'installed_series').trim() : '';
  return {
    deploy_by: isInstalled ? 'installer' : undefined,
    distro_series: installed || fieldValue(view, 'distro_series') || undefined,
    hwe_kernel: isInstalled ? undefined : fieldValue(view, 'hwe_kernel') || undefined,
    disk: fieldValue(view, 'disk') || undefined,
    ip_address: fieldValue(view, 'ip_address') || undefined,
    user_data: userData.trim() === '' ? undefined : Buffer.from(userData).toString('base64'),
  };
}
