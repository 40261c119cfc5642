-module(erlmcp_sample_worker_sup).
-behaviour(supervisor).

-export([start_link/0, init/1, begin_workers/2, end_workers/0]).

start_link() ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, []).

%% @param Pace microseconds between the transactions of one worker; 0 for no limit.
begin_workers(Count, Pace) ->
    [{ok, _} = supervisor:start_child(?MODULE, [Index, Pace]) || Index <- lists:seq(1, Count)],
    ok.

%% Returns when no worker is inside a transaction any more.
end_workers() ->
    [ok = supervisor:terminate_child(?MODULE, Pid)
     || {_, Pid, _, _} <- supervisor:which_children(?MODULE), is_pid(Pid)],
    ok.

init([]) ->
    Worker = #{
        id => worker,
        start => {erlmcp_sample_worker, start_link, []},
        shutdown => 30000
    },
    {ok, {#{strategy => simple_one_for_one, intensity => 10, period => 10}, [Worker]}}.
