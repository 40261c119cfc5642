%% The top supervisor, which owns two ETS tables itself, as supervisors that hand tables to their
%% children do.
-module(erlmcp_sample_sup).
-behaviour(supervisor).

-export([start_link/0, init/1, owned/0]).

start_link() ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, []).

%% {Name, Options, Rows} of the tables that this process owns.
owned() ->
    [
        {erlmcp_sup_public, [named_table, public, set], 100},
        {erlmcp_sup_private, [named_table, private, set], 100}
    ].

init([]) ->
    [erlmcp_sample_tables:create_ets(Spec) || Spec <- owned()],
    Flags = #{strategy => one_for_one, intensity => 5, period => 10},
    Workers = [
        erlmcp_sample_http, erlmcp_sample_ets, erlmcp_sample_statem, erlmcp_sample_plain,
        erlmcp_sample_dets, erlmcp_sample_worker_sup, erlmcp_sample_writer, erlmcp_sample_loader
    ],
    {ok, {Flags, [child(Module) || Module <- Workers]}}.

child(erlmcp_sample_worker_sup = Module) ->
    #{id => Module, start => {Module, start_link, []}, type => supervisor};
child(Module) ->
    #{id => Module, start => {Module, start_link, []}, shutdown => 10000}.
