/* sim_network: the network of the simulation: frames on their way, each with the moment it arrives. */
#include <string.h>

#include "tests/sim/sim.h"

static void put_on_wire(struct sim *sim, const struct sim_flight *like, int64_t delay_ms, const void *data)
{
    SIM_HOLDS(sim, sim->flight_count < SIM_FLIGHTS, "%d messages are under way", SIM_FLIGHTS);
    struct sim_flight *flight = &sim->flights[sim->flight_count++];
    *flight = *like;
    flight->at_ms = sim->now_ms + delay_ms;
    flight->data = malloc(flight->size);
    assert_non_null(flight->data);
    memcpy(flight->data, data, flight->size);
}

static struct sim_fate weather(struct sim *sim)
{
    struct sim_fate fate = {.copies = 1};
    if (sim_chance(sim, sim->drop))
        fate.copies = 0;
    else if (sim_chance(sim, sim->copy))
        fate.copies = 2;
    return fate;
}

void sim_post(struct sim *sim, bool to_master, int peer, uint32_t link, const void *data, size_t size)
{
    struct sim_fate fate = weather(sim);
    const struct sim_flight like = {.to_master = to_master, .peer = peer, .link = link, .size = size};
    sim->frames++;
    if (sim->peers[peer].mute_until_ms[to_master ? 0 : 1] > sim->now_ms)
        return;
    if (sim->fate != NULL) {
        struct status status = {0};
        static struct wire_message message;
        assert_ok(wire_decode(data, size, &message, &status), status);
        sim->fate(sim->fate_context, sim, to_master, peer, &message, &fate);
        wire_free(&message);
    }
    for (int i = 0; i < fate.copies; i++) {
        int64_t delay_ms = sim_chance(sim, sim->slow) ? sim_between(sim, 0, 2 * SIM_LEASE_MS) : sim_between(sim, 0, 20);
        put_on_wire(sim, &like, fate.delay_ms + delay_ms, data);
    }
}

static void remove_flight(struct sim *sim, int i)
{
    free(sim->flights[i].data);
    sim->flights[i] = sim->flights[--sim->flight_count];
}

void sim_forget_flights(struct sim *sim, int peer, bool to_master_too)
{
    for (int i = sim->flight_count - 1; i >= 0; i--) {
        if (sim->flights[i].peer == peer && (to_master_too || !sim->flights[i].to_master))
            remove_flight(sim, i);
    }
}

void sim_reconnect(struct sim *sim, struct sim_process *process)
{
    sim_forget_flights(sim, process->number, true);
    process->link = ++sim->next_link;
}

static int64_t ready_ms(const struct sim *sim, const struct sim_flight *flight)
{
    int64_t ready = flight->to_master ? sim->master_frozen_until_ms : sim->peers[flight->peer].frozen_until_ms;
    return flight->at_ms > ready ? flight->at_ms : ready;
}

int64_t sim_next_flight_ms(const struct sim *sim)
{
    int64_t next = INT64_MAX;
    for (int i = 0; i < sim->flight_count; i++) {
        int64_t ready = ready_ms(sim, &sim->flights[i]);
        next = ready < next ? ready : next;
    }
    return next;
}

void sim_deliver(struct sim *sim)
{
    bool heard = false;
    for (int i = sim->flight_count - 1; i >= 0; i--) {
        if (i >= sim->flight_count)
            continue; /* others have gone meanwhile */
        struct sim_flight flight = sim->flights[i];
        if (ready_ms(sim, &flight) > sim->now_ms)
            continue;
        sim->flights[i] = sim->flights[--sim->flight_count];
        struct sim_process *process = &sim->peers[flight.peer];
        if (flight.to_master && sim->coord != NULL) {
            sim_master_hears(sim, flight.link, flight.data, flight.size);
            heard = true;
            if (sim_chance(sim, 0.5)) { /* else in one batch with the next */
                sim_master_turns(sim);
                heard = false;
            }
        } else if (!flight.to_master && process->alive && process->link == flight.link) {
            sim_peer_hears(sim, process, flight.data, flight.size);
        }
        free(flight.data);
    }
    if (heard)
        sim_master_turns(sim);
}
