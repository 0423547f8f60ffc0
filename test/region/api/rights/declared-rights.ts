// The rights of people on each operation of the API, written by hand, so that the test compares them with those of the code.
//
//   anyone   every caller, without credentials, too
//   managed  users, and callers without credentials in a managed network
//   machine  every user, and the machine of the path with its key
//   user     every user, on an object of another user, too: it only reads, or makes something that belongs to the caller
//   own      the owner of the object, and administrators
//   alone    the owner of the object only
//   admin    administrators
//
// 1. Each operation is in one group, for both versions of the API, unless it is also there with its version.
// 2. An operation in which a parameter changes the right is in `requests.ts` with this parameter, too.

export type Right = 'anyone' | 'managed' | 'machine' | 'user' | 'own' | 'alone' | 'admin';

/** The operations of lines like `GET,PUT path` and `POST path op,op`. */
const listed = (text: string): readonly string[] =>
  text
    .trim()
    .split(/\s*\n\s*/)
    .flatMap((line) => {
      const [methods = '', path = '', ops] = line.split(' ');
      return methods
        .split(',')
        .flatMap((method) => (ops === undefined ? [''] : ops.split(',')).map((op) => `${method} ${path} ${op}`.trim()));
    });

export const DECLARED: Readonly<Record<Right, readonly string[]>> = {
  anyone: listed(`
    GET version
    POST nodegroups register
    GET files get_by_key
  `),
  managed: listed(`
    POST machines
    POST nodes new
    GET machines is_registered
    GET nodes is_registered
    GET devices is_registered
    GET rackcontrollers is_registered
    GET regioncontrollers is_registered
  `),
  machine: ['GET machines/{system_id}', '1.0 GET nodes/{system_id}'],
  user: listed(`
    GET machines
    GET nodes list,list_allocated,deployment_status
    GET nodes
    GET nodes/{system_id}
    GET nodes/{system_id} details,logins,query_power_state
    GET machines list_allocated
    POST machines allocate
    POST nodes acquire
    GET machines/{system_id} logins,query_power_state,identity,details
    GET events query,follow
    GET nodegroups
    GET nodegroups list
    GET nodegroups/{uuid}
    GET nodegroups/{uuid} list_nodes
    GET rackcontrollers
    GET rackcontrollers/{system_id}
    GET rackcontrollers/{system_id} list_boot_images
    GET rackcontrollers describe_power_types
    GET regioncontrollers
    GET regioncontrollers/{system_id}
    GET fabrics
    GET fabrics/{id}
    GET fabrics/{fabric_id}/vlans
    GET fabrics/{fabric_id}/vlans/{vid}
    GET vlans/{id}
    GET spaces
    GET spaces/{id}
    GET subnets
    GET subnets/{id}
    GET subnets/{id} ip_addresses,reserved_ip_ranges,unreserved_ip_ranges,statistics
    GET,POST ipranges
    GET ipranges/{id}
    GET ipaddresses
    POST ipaddresses reserve
    GET static-routes
    GET static-routes/{id}
    GET networks
    GET networks/{name}
    GET networks/{name} list_connected_macs
    GET nodes/{system_id}/interfaces
    GET nodes/{system_id}/interfaces/{id}
    GET machines/{system_id}/interfaces
    GET machines/{system_id}/interfaces/{id}
    GET nodes/{system_id}/macs
    GET nodes/{system_id}/macs/{mac_address}
    GET nodes/{system_id}/blockdevices/{device_id}/partition/{id}
    GET nodes/{system_id}/raids
    GET nodes/{system_id}/raid/{id}
    GET nodes/{system_id}/volume-groups
    GET nodes/{system_id}/volume-group/{id}
    GET nodes/{system_id}/blockdevices
    GET nodes/{system_id}/blockdevices/{id}
    GET nodes/{system_id}/blockdevices/{device_id}/partitions
    GET maas get_config
    GET,POST devices
    GET devices/{system_id}
    GET discovery
    GET discovery by_unknown_mac,by_unknown_ip,by_unknown_ip_and_mac
    GET discovery/{discovery_id}
    GET domains
    GET domains/{id}
    GET dnsresources
    GET dnsresources/{id}
    GET dnsresourcerecords
    GET dnsresourcerecords/{id}
    GET boot-resources
    GET boot-resources is_importing,list_installers,list_versions,list_left_out
    GET boot-resources/{id}
    GET nodegroups/{uuid}/boot-images
    GET nodegroups/{uuid}/boot-images/{id}
    GET tags
    GET tags/{name}
    GET tags/{name} nodes,machines,devices,rack_controllers,region_controllers
    GET tags list
    GET zones
    GET zones/{name}
    GET resourcepools
    GET resourcepool/{id}
    GET pools
    GET pools/{id}
    POST,GET files
    POST files add
    GET files list
    GET scripts
    GET scripts/{name}
    GET scripts/{name} download
    GET commissioning-scripts
    GET commissioning-scripts/{name}
    GET nodes/{system_id}/results
    GET nodes/{system_id}/results/{id}
    GET nodes/{system_id}/results/{id} download
    GET users whoami
    POST account create_authorisation_token
    GET account list_authorisation_tokens
    GET users
    GET users/{username}
    GET,POST account/prefs/sshkeys
    POST account/prefs/sshkeys import,new
    GET account/prefs/sshkeys list
    GET devices list
    GET,POST pods
    GET,PUT,DELETE pods/{id}
    GET,POST vm-hosts
    GET,PUT,DELETE vm-hosts/{id}
    GET,POST vm-clusters
    GET,PUT,DELETE vm-clusters/{id}
    GET,POST notifications
    GET,PUT,DELETE notifications/{id}
    GET,POST package-repositories
    GET,PUT,DELETE package-repositories/{id}
    GET,POST dhcp-snippets
    GET,PUT,DELETE dhcp-snippets/{id}
    GET,POST fannetworks
    GET,PUT,DELETE fannetworks/{id}
    GET,POST reservedips
    GET,PUT,DELETE reservedips/{id}
    GET,POST account/prefs/sslkeys
    GET account/prefs/sslkeys list
    GET,PUT,DELETE account/prefs/sslkeys/{id}
    GET,POST license-keys
    GET license-keys list
    GET,PUT,DELETE license-key/{osystem}/{distro_series}
    GET,POST commissioning-results
    GET commissioning-results list
    GET,POST installation-results
    GET,POST nodes/{system_id}/bcaches
    GET,PUT,DELETE nodes/{system_id}/bcache/{id}
    GET,POST nodes/{system_id}/bcache-cache-sets
    GET,PUT,DELETE nodes/{system_id}/bcache-cache-set/{id}
    GET,POST nodes/{system_id}/vmfs-datastores
    GET,PUT,DELETE nodes/{system_id}/vmfs-datastore/{id}
  `),
  own: listed(`
    POST machines/{system_id} abort,rescue_mode,exit_rescue_mode,mark_broken,deploy,release,set_owner_data
    POST machines/{system_id} set_workload_annotations,lock,unlock,debug_login,power_off,power_on,power_cycle,test
    POST machines release
    POST nodes/{system_id} abort_operation,rescue_mode,exit_rescue_mode,mark_broken,start,release,debug_login
    POST nodes/{system_id} stop,claim_sticky_ip_address
    POST nodes release
    POST devices/{system_id} set_owner_data,set_workload_annotations,restore_networking_configuration
    POST devices/{system_id} restore_storage_configuration,restore_default_configuration
    PUT,DELETE ipranges/{id}
    POST nodes/{system_id}/macs
    DELETE nodes/{system_id}/macs/{mac_address}
    POST nodes/{system_id}/interfaces create_physical
    PUT,DELETE nodes/{system_id}/interfaces/{id}
    POST nodes/{system_id}/interfaces/{id} disconnect,add_tag,remove_tag,link_subnet,unlink_subnet
    PUT,DELETE devices/{system_id}
    POST users/{username} change_password
  `),
  alone: listed(`
    POST ipaddresses release
    GET files get
    DELETE files
    GET,DELETE files/{filename}
    POST account delete_authorisation_token,update_token_name
    GET,DELETE account/prefs/sshkeys/{id}
  `),
  admin: listed(`
    PUT,DELETE machines/{system_id}
    PUT,DELETE nodes/{system_id}
    GET nodes/{system_id} power_parameters
    POST machines/{system_id} mark_fixed,mark_missing,override_failed_testing,retire,reinstate,accept,merge,split
    POST machines/{system_id} keep_apart,move,restore_networking_configuration,restore_storage_configuration
    POST machines/{system_id} restore_default_configuration,clear_default_gateways,mount_special,unmount_special
    POST machines/{system_id} set_storage_layout,commission
    POST machines accept,accept_all,add_chassis,clone,set_zone
    POST nodes/{system_id} mark_fixed,mark_missing,override_failed_testing,retire,reinstate,accept,commission
    POST nodes accept,accept_all,check_commissioning,set_zone
    GET nodes check_commissioning,power_parameters
    GET machines/{system_id} power_parameters,get_token,get_curtin_config
    GET machines power_parameters
    POST nodegroups accept,reject,import_boot_images
    PUT,DELETE nodegroups/{uuid}
    POST nodegroups/{uuid} update_leases,import_boot_images,report_download_progress,details
    PUT,DELETE rackcontrollers/{system_id}
    POST rackcontrollers import_boot_images
    POST rackcontrollers/{system_id} import_boot_images
    GET rackcontrollers power_parameters
    GET rackcontrollers/{system_id} power_parameters
    GET nodegroups/{uuid}/interfaces list
    POST nodegroups/{uuid}/interfaces new
    GET,PUT,DELETE nodegroups/{uuid}/interfaces/{name}
    POST fabrics
    PUT,DELETE fabrics/{id}
    POST fabrics/{fabric_id}/vlans
    PUT,DELETE fabrics/{fabric_id}/vlans/{vid}
    PUT,DELETE vlans/{id}
    POST spaces
    PUT,DELETE spaces/{id}
    POST subnets
    PUT,DELETE subnets/{id}
    POST static-routes
    PUT,DELETE static-routes/{id}
    POST networks
    PUT,DELETE networks/{name}
    POST networks/{name} connect_macs,disconnect_macs
    POST nodes/{system_id}/interfaces create_bond,create_bridge,create_vlan
    POST nodes/{system_id}/interfaces/{id} set_default_gateway
    POST nodes/{system_id}/blockdevices/{device_id}/partitions
    DELETE nodes/{system_id}/blockdevices/{device_id}/partition/{id}
    POST nodes/{system_id}/blockdevices/{device_id}/partition/{id} format,unformat,mount,unmount,add_tag,remove_tag
    POST nodes/{system_id}/blockdevices/{id} format,unformat,mount,unmount,add_tag,remove_tag,set_boot_disk
    POST nodes/{system_id}/raids
    PUT,DELETE nodes/{system_id}/raid/{id}
    POST nodes/{system_id}/volume-groups
    PUT,DELETE nodes/{system_id}/volume-group/{id}
    POST nodes/{system_id}/volume-group/{id} create_logical_volume,delete_logical_volume
    POST nodes/{system_id}/blockdevices
    PUT,DELETE nodes/{system_id}/blockdevices/{id}
    POST maas set_config
    GET settings
    POST settings change,set,unset
    POST discovery clear,clear_by_mac_and_ip,scan
    POST domains
    PUT,DELETE domains/{id}
    POST domains/{id} set_default
    POST domains set_serial
    POST dnsresources
    PUT,DELETE dnsresources/{id}
    POST dnsresourcerecords
    PUT,DELETE dnsresourcerecords/{id}
    GET,POST boot-sources
    GET,PUT,DELETE boot-sources/{id}
    GET,POST boot-sources/{boot_source_id}/selections
    GET,PUT,DELETE boot-sources/{boot_source_id}/selections/{id}
    GET,POST nodegroups/{uuid}/boot-sources
    GET,PUT,DELETE nodegroups/{uuid}/boot-sources/{id}
    GET,POST nodegroups/{uuid}/boot-sources/{boot_source_id}/selections
    GET,PUT,DELETE nodegroups/{uuid}/boot-sources/{boot_source_id}/selections/{id}
    POST boot-resources import,stop_import
    DELETE boot-resources/{id}
    POST boot-resources/{id} pause,resume,cancel
    POST nodegroups/{uuid}/boot-images report_boot_images
    POST boot-images report_boot_images
    POST boot-resources
    PUT boot-resources/{id}/upload/{file}
    POST tags
    PUT,DELETE tags/{name}
    POST tags/{name} update_nodes,rebuild
    POST tags new
    POST zones
    PUT,DELETE zones/{name}
    POST resourcepools
    PUT,DELETE resourcepool/{id}
    POST pools
    PUT,DELETE pools/{id}
    POST devices set_zone
    POST scripts
    PUT,DELETE scripts/{name}
    POST scripts/{name} add_tag,remove_tag,revert
    POST commissioning-scripts
    PUT,DELETE commissioning-scripts/{name}
    POST users
    PUT,DELETE users/{username}
  `),
};
