// The addresses of MAAS's own pages, which lead to the nearest page here, so that bookmarks,
// documents and habits keep working.
//
// Source: the addresses that the web pages of MAAS 1.5 to 3.6 show in a browser.
//
// 1. Only an address that names nothing here is looked up, so no page is hidden by an old address
//    of the same name.
// 2. An address leads to a page that exists: without the page itself to the next one above it, at
//    last to the overview.

/** `:id` is one segment and becomes the same segment; `*` is any further ones. */
type Row = readonly [from: string, to: string];

/** Below `/MAAS/r/` and, before MAAS 3, `/MAAS/l/`. */
const UI: readonly Row[] = [
  ['', ''],
  ['login', 'login/'],
  ['intro/images', 'first-run/images/'],
  ['intro/user', 'first-run/key/'],
  ['intro/*', 'first-run/'],
  ['dashboard/*', 'networks/'],
  ['network-discovery/*', 'networks/'],
  ['machines/*', 'machines/'],
  ['machine/:id/network', 'machines/:id/network/'],
  ['machine/:id/storage', 'machines/:id/storage/'],
  ['machine/:id/pci-devices', 'machines/:id/hardware/'],
  ['machine/:id/usb-devices', 'machines/:id/hardware/'],
  ['machine/:id/commissioning/*', 'machines/:id/scripts/'],
  ['machine/:id/testing/*', 'machines/:id/scripts/'],
  ['machine/:id/tests/*', 'machines/:id/scripts/'],
  ['machine/:id/scripts/*', 'machines/:id/scripts/'],
  ['machine/:id/logs/*', 'machines/:id/events/'],
  ['machine/:id/events', 'machines/:id/events/'],
  ['machine/:id/configuration', 'machines/:id/edit/'],
  ['machine/:id/*', 'machines/:id/'],
  ['devices/*', 'machines/?kind=devices'],
  ['device/:id/*', 'devices/:id/'],
  ['controllers/*', 'racks/'],
  ['controller/:id/*', 'racks/:id/'],
  ['kvm/*', 'machines/'],
  ['networks/*', 'networks/'],
  ['fabrics', 'networks/fabrics/'],
  ['fabric/:id/*', 'networks/fabrics/:id/'],
  ['vlan/:id/*', 'networks/vlans/:id/'],
  ['spaces', 'networks/spaces/'],
  ['space/:id/*', 'networks/spaces/:id/'],
  ['subnets', 'networks/'],
  ['subnet/:id/*', 'networks/subnets/:id/'],
  ['images/*', 'images/'],
  ['domains/*', 'dns/'],
  ['domain/:id/*', 'dns/:id/'],
  ['dns/*', 'dns/'],
  ['zones/*', 'zones/'],
  ['zone/*', 'zones/'],
  ['pools/*', 'pools/'],
  ['pool/*', 'pools/'],
  ['tags/*', 'tags/'],
  ['tag/*', 'tags/'],
  ['settings/users/*', 'people/'],
  ['settings/user/*', 'people/'],
  ['settings/scripts/*', 'scripts/'],
  ['settings/*', 'settings/'],
  ['account/*', 'account/'],
];

/** Directly below `/MAAS/`, before MAAS 2. */
const OLD: readonly Row[] = [
  ['dashboard', ''],
  ['accounts/login', 'login/'],
  ['accounts/*', 'people/'],
  ['nodes', 'machines/'],
  ['nodes/enlist', 'machines/'],
  ['nodes/:id/edit', 'machines/:id/edit/'],
  ['nodes/:id/*', 'machines/:id/'],
  ['clusters/:id/interfaces/*', 'networks/interfaces/'],
  ['clusters/:id/*', 'racks/:id/'],
  ['clusters', 'racks/'],
  ['networks', 'networks/'],
  ['networks/:id/view', 'networks/'],
  ['zones/:id/view', 'zones/:id/'],
  ['tags/:id/view', 'tags/:id/'],
  ['account/prefs/*', 'account/'],
  ['settings/users/*', 'people/'],
  ['settings/*', 'settings/'],
];

const buildPathPattern = (path: string) => {
  const pattern = path
    .replace(/\/$/, '')
    .replaceAll(/:\w+/g, '([^/]+)')
    .replace(/\/?\*$/, '(?:/.*)?');
  return new RegExp(`^${pattern}/?$`);
};

const UI_PATTERNS = UI.map(([from, to]) => [buildPathPattern(from), to] as const);
const OLD_PATTERNS = OLD.map(([from, to]) => [buildPathPattern(from), to] as const);

/**
 * The page for an address of MAAS, as a path; `undefined` for any other address.
 * @param url the target of the request, as it was sent
 * @param pages the paths of the pages here, such as `/MAAS/machines/:machine/`
 */
export function findMoved(url: string, pages: readonly string[]): string | undefined {
  const path = url.replace(/[?#].*$/s, '').replaceAll(/\/{2,}/g, '/');
  const [, prefix, rest = ''] = /^\/MAAS\/([rl](?:\/|$))?(.*)$/.exec(path) ?? [];
  for (const [pattern, to] of prefix === undefined ? OLD_PATTERNS : UI_PATTERNS) {
    const match = pattern.exec(rest);
    if (match === null) continue;
    const page = nearest(`/MAAS/${to.replace(':id', () => match[1] ?? '')}`, pages.map(buildPathPattern));
    return page === '/MAAS/machines/' ? `${page}${filtersIn(url)}` : page;
  }
  return undefined;
}

/** The filters of MAAS's list as those of ours: `status==ready` means exactly this state. */
function filtersIn(url: string): string {
  const fields = new URLSearchParams(/\?(.*)/s.exec(url)?.[1]);
  for (const [name, value] of [...fields]) fields.set(name, value.replace(/^=/, ''));
  return fields.size === 0 ? '' : `?${fields}`;
}

function nearest(path: string, pages: readonly RegExp[]): string {
  if (path === '/MAAS/' || pages.some((page) => page.test(path.replace(/\?.*$/, '')))) return path;
  return nearest(pathAbove(path), pages);
}

const pathAbove = (path: string): string => path.slice(0, path.lastIndexOf('/', path.length - 2) + 1);

/** The page of the list to which the object of a path would belong. */
export const listAbove = (path: string, pages: readonly string[]): string =>
  nearest(pathAbove(path), pages.filter((page) => !page.includes(':')).map(buildPathPattern));
