// The pages about networks, addresses and names.

import type { PageDefinition } from '../frame/view.ts';
import { DNS_PAGES } from './dns-pages.ts';
import { INTERFACE_PAGES } from './interface-pages.ts';
import { NEIGHBOURS_PAGE } from './neighbours-page.ts';
import { NETWORK_OBJECT_PAGES } from './network-object-pages.ts';
import { NETWORKS_PAGE } from './networks-page.ts';
import { SUBNET_PAGES } from './subnet-page.ts';
import { VLAN_PAGES } from './vlan-page.ts';

export const NETWORKS: readonly PageDefinition[] = [
  NETWORKS_PAGE,
  ...SUBNET_PAGES,
  ...VLAN_PAGES,
  ...NETWORK_OBJECT_PAGES,
  ...INTERFACE_PAGES,
  NEIGHBOURS_PAGE,
  ...DNS_PAGES,
];
