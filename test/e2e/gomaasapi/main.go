// Asks a region with the Go client that Juju and Terraform are built on, and prints as JSON what that client understood.
//
//	gomaasapi BASE_URL API_KEY [OBJECT ...]
//
// OBJECT: further objects of API 2.0 to work with, by the path of each: zones, fabrics ...
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"

	"github.com/juju/gomaasapi"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The objects of API 2.0, by their paths: each row works with them as Juju does, and returns its report of them.
var objects = map[string]func(gomaasapi.Controller) (interface{}, error){
	"zones": func(c gomaasapi.Controller) (interface{}, error) {
		list, err := c.Zones()
		names := []string{}
		for _, zone := range list {
			names = append(names, zone.Name())
		}
		return names, err
	},
	"pools": func(c gomaasapi.Controller) (interface{}, error) {
		list, err := c.Pools()
		names := []string{}
		for _, pool := range list {
			names = append(names, pool.Name())
		}
		return names, err
	},
	"fabrics": func(c gomaasapi.Controller) (interface{}, error) {
		list, err := c.Fabrics()
		vlans := 0
		for _, fabric := range list {
			vlans += len(fabric.VLANs())
		}
		return vlans, err
	},
	"spaces": func(c gomaasapi.Controller) (interface{}, error) {
		list, err := c.Spaces()
		subnets := []string{}
		for _, space := range list {
			for _, subnet := range space.Subnets() {
				subnets = append(subnets, subnet.CIDR())
			}
		}
		return subnets, err
	},
	"static-routes": func(c gomaasapi.Controller) (interface{}, error) {
		list, err := c.StaticRoutes()
		routes := []string{}
		for _, route := range list {
			routes = append(routes, route.Source().CIDR()+" "+route.Destination().CIDR()+" "+route.GatewayIP())
		}
		return routes, err
	},
	"domains": func(c gomaasapi.Controller) (interface{}, error) {
		list, err := c.Domains()
		names := []string{}
		for _, domain := range list {
			names = append(names, domain.Name())
		}
		return names, err
	},
	"tags": func(c gomaasapi.Controller) (interface{}, error) {
		list, err := c.Tags()
		names := []string{}
		for _, tag := range list {
			names = append(names, tag.Name())
		}
		return names, err
	},
	"boot-resources": func(c gomaasapi.Controller) (interface{}, error) {
		list, err := c.BootResources()
		architectures := []string{}
		for _, resource := range list {
			architectures = append(architectures, resource.Architecture())
		}
		return architectures, err
	},
	"devices": func(c gomaasapi.Controller) (interface{}, error) {
		device, err := c.CreateDevice(gomaasapi.CreateDeviceArgs{
			Hostname: "a-device", MACAddresses: []string{"52:54:00:00:00:77"},
		})
		if err != nil {
			return nil, err
		}
		found, err := c.Devices(gomaasapi.DevicesArgs{MACAddresses: []string{"52:54:00:00:00:77"}})
		if err != nil {
			return nil, err
		}
		if err := device.Delete(); err != nil {
			return nil, err
		}
		rest, err := c.Devices(gomaasapi.DevicesArgs{})
		return []int{len(found), len(device.InterfaceSet()), len(rest)}, err
	},
	"files": func(c gomaasapi.Controller) (interface{}, error) {
		content := []byte("provider state\x00\xff")
		if err := c.AddFile(gomaasapi.AddFileArgs{Filename: "provider-state", Content: content}); err != nil {
			return nil, err
		}
		list, err := c.Files("provider")
		if err != nil {
			return nil, err
		}
		file, err := c.GetFile("provider-state")
		if err != nil {
			return nil, err
		}
		read, err := file.ReadAll()
		if err != nil {
			return nil, err
		}
		return []interface{}{len(list), bytes.Equal(read, content)}, file.Delete()
	},
}

// The links of a machine's interfaces: mode, address, network, VLAN and fabric of each.
func linksOf(machine gomaasapi.Machine) []string {
	links := []string{}
	for _, nic := range machine.InterfaceSet() {
		for _, link := range nic.Links() {
			text := link.Mode() + " " + link.IPAddress()
			if subnet := link.Subnet(); subnet != nil {
				text += fmt.Sprintf(" %s %s %d %s", subnet.CIDR(), subnet.Gateway(), subnet.VLAN().VID(), subnet.VLAN().Fabric())
			}
			links = append(links, text)
		}
	}
	return links
}

// The clusters and the life of a node in API 1.0, by the low-level client.
func driveOldVersion(nodes gomaasapi.MAASObject, root gomaasapi.MAASObject, told map[string]interface{}) {
	list, err := root.GetSubObject("nodegroups").CallGet("list", url.Values{})
	check(err)
	clusters, err := list.GetArray()
	check(err)
	names := []string{}
	for _, entry := range clusters {
		fields, err := entry.GetMap()
		check(err)
		uuid, err := fields["uuid"].GetString()
		check(err)
		interfaces, err := root.GetSubObject("nodegroups").GetSubObject(uuid).GetSubObject("interfaces").CallGet("list", url.Values{})
		check(err)
		_, err = interfaces.GetArray()
		check(err)
		name, err := fields["cluster_name"].GetString()
		check(err)
		names = append(names, name)
	}
	told["clusters"] = names
	acquired, err := nodes.CallPost("acquire", url.Values{"mem": {"1024"}, "agent_name": {"juju"}})
	check(err)
	node, err := acquired.GetMAASObject()
	check(err)
	statuses := []float64{}
	step := func() {
		node, err = node.Get()
		check(err)
		for _, name := range []string{"status", "substatus"} {
			value, err := node.GetMap()[name].GetFloat64()
			check(err)
			statuses = append(statuses, value)
		}
	}
	step()
	_, err = node.CallPost("start", url.Values{"distro_series": {"trixie"}, "user_data": {"I2Nsb3VkLWNvbmZpZwo="}})
	check(err)
	step()
	_, err = node.CallPost("release", url.Values{})
	check(err)
	step()
	told["statuses"] = statuses
}

func main() {
	base, key := os.Args[1], os.Args[2]
	told := map[string]interface{}{}

	// API 1.0: a node is made by a form, and the list is read as loose objects.
	client, err := gomaasapi.NewAuthenticatedClient(gomaasapi.AddAPIVersionToURL(base, "1.0"), key)
	check(err)
	root := gomaasapi.NewMAAS(*client)
	nodes := root.GetSubObject("nodes")
	_, err = nodes.CallPost("new", url.Values{
		"architecture":  {"amd64/generic"},
		"mac_addresses": {"52:54:00:00:00:01", "52:54:00:00:00:02"},
		"hostname":      {"made-by-go"},
	})
	check(err)
	list, err := nodes.CallGet("list", url.Values{})
	check(err)
	entries, err := list.GetArray()
	check(err)
	uris := []string{}
	for _, entry := range entries {
		object, err := entry.GetMAASObject()
		check(err)
		uris = append(uris, object.URI().String())
	}
	told["uris"] = uris
	driveOldVersion(nodes, *root, told)

	// API 2.0: every key of every machine is demanded.
	controller, err := gomaasapi.NewController(gomaasapi.ControllerArgs{BaseURL: base, APIKey: key})
	check(err)
	machines, err := controller.Machines(gomaasapi.MachinesArgs{})
	check(err)
	shown := []map[string]interface{}{}
	for _, machine := range machines {
		shown = append(shown, map[string]interface{}{
			"fqdn":   machine.FQDN(),
			"status": machine.StatusName(),
			"memory": machine.Memory(),
			"cpus":   machine.CPUCount(),
			"nics":   len(machine.InterfaceSet()),
			"boot":   machine.BootInterface().MACAddress(),
			"disks":  len(machine.PhysicalBlockDevices()),
			"zone":   machine.Zone().Name(),
			"vendor": machine.HardwareInfo()["system_vendor"],
			"links":  linksOf(machine),
		})
	}
	told["machines"] = shown
	found, err := controller.Machines(gomaasapi.MachinesArgs{MACAddresses: []string{"52:54:00:00:00:02"}})
	check(err)
	told["found"] = len(found)

	// The life of a machine as Juju leads it.
	_, _, err = controller.AllocateMachine(gomaasapi.AllocateMachineArgs{Hostname: "by-itself", MinMemory: 1 << 20})
	told["no_match"] = gomaasapi.IsNoMatchError(err)
	machine, matches, err := controller.AllocateMachine(gomaasapi.AllocateMachineArgs{
		Hostname: "by-itself", MinCPUCount: 4, MinMemory: 2048, AgentName: "juju", Zone: "default",
		Storage: []gomaasapi.StorageSpec{{Label: "root", Size: 20}},
	})
	check(err)
	told["matched"] = len(matches.Storage["root"])
	told["life"] = []string{machine.StatusName()}
	step := func() { told["life"] = append(told["life"].([]string), machine.StatusName()) }
	check(machine.SetOwnerData(map[string]string{"juju-units-deployed": "mysql/0"}))
	told["owner_data"] = machine.OwnerData()
	check(machine.Start(gomaasapi.StartArgs{DistroSeries: "trixie", UserData: "I2Nsb3VkLWNvbmZpZwo=", Comment: "by juju"}))
	step()
	told["addresses"] = machine.IPAddresses()
	check(controller.ReleaseMachines(gomaasapi.ReleaseMachinesArgs{SystemIDs: []string{machine.SystemID()}, Comment: "done"}))
	err = controller.ReleaseMachines(gomaasapi.ReleaseMachinesArgs{SystemIDs: []string{"zzzzzz"}})
	told["unknown"] = gomaasapi.IsBadRequestError(err)
	released, err := controller.Machines(gomaasapi.MachinesArgs{Hostnames: []string{"by-itself"}})
	check(err)
	machine = released[0]
	step()

	shownObjects := map[string]interface{}{}
	for _, name := range os.Args[3:] {
		value, err := objects[name](controller)
		if err != nil {
			value = "fails: " + err.Error()
		}
		shownObjects[name] = value
	}
	told["objects"] = shownObjects
	version, subversion, err := controller.APIVersionInfo()
	check(err)
	told["version"] = version + " " + subversion
	check(json.NewEncoder(os.Stdout).Encode(told))
}
